//! A stock row that does not add up, from the finding of `verify` to its end.

use super::poisoned::{tamper_while_closed, verify, verify_with};
use crate::shop::{NEVER, Shop, small};
use serde_json::{Value, json};

const RECONCILE: &str = "/v1/stock/a/reconcile";

async fn damaged() -> Shop {
    let mut shop = Shop::open(NEVER).await;
    shop.stocked("a", 10).await;
    shop.placed("k", &small("a", 4)).await;
    let damage =
        ["UPDATE stock SET on_hand = on_hand + 5, reserved = reserved + 2 WHERE sku = 'a'"];
    tamper_while_closed(&mut shop.0, &damage.map(str::to_owned)).await;
    shop.0.start().await.expect("it starts");
    shop
}

#[tokio::test]
async fn a_row_is_mended_by_the_command_that_verify_names() {
    let shop = damaged().await;
    let told = verify(&shop, 6).await;
    assert!(told.contains("`waybill stock reconcile a`"), "{told}");
    assert!(
        told.contains("finding itself"),
        "it says when not to: {told}"
    );

    let dry = shop.post(RECONCILE, &json!({"dryRun": true})).await;
    assert_eq!(dry.status, 200, "{}", dry.text());
    let dry: Value = dry.json();
    assert_eq!(dry["outcome"], "would_mend", "{dry}");
    let row: Value = shop.get("/v1/stock/a").await.json();
    assert_eq!(
        dry["difference"]["row"]["onHand"], row["onHand"],
        "nothing was written"
    );
    assert_eq!(dry["difference"]["ledger"]["reserved"], 4);
    assert_eq!(dry["difference"]["booked"], 5);

    let key = [("idempotency-key", "mend-1"), ("if-match", "\"7\"")];
    let body = json!({"reason": "found at night"});
    let other = shop
        .ask_with(http::Method::POST, RECONCILE, &key, &body)
        .await;
    assert_eq!(other.status, 412, "{}", other.text());
    let key = [("idempotency-key", "mend-1")];
    for replayed in [None, Some("true")] {
        let mended = shop
            .ask_with(http::Method::POST, RECONCILE, &key, &body)
            .await;
        assert_eq!(mended.status, 200, "{}", mended.text());
        assert_eq!(mended.header("idempotent-replayed"), replayed);
        let mended: Value = mended.json();
        assert_eq!(mended["outcome"], "mended");
        assert_eq!(
            mended["stock"]["onHand"], row["onHand"],
            "the row is believed"
        );
        assert_eq!(
            mended["stock"]["reserved"], 4,
            "the reservations are believed"
        );
    }
    let again: Value = shop.post(RECONCILE, &Value::Null).await.json();
    assert_eq!(again["outcome"], "adds_up", "{again}");
    let page: Value = shop.get("/v1/events").await.json();
    let items = page["items"].as_array().expect("items");
    let mut adjusted = items.iter().filter(|e| e["type"] == "stock.adjusted");
    let last = adjusted.next_back().expect("an event");
    assert_eq!(last["data"]["reason"], "found at night", "{last}");
    verify(&shop, 0).await;
}

#[tokio::test]
async fn what_cannot_be_mended_is_refused_with_what_to_do() {
    let mut shop = damaged().await;
    let unknown = shop.post("/v1/stock/never/reconcile", &Value::Null).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    let bad = shop.post(RECONCILE, &json!({"dryrun": true})).await;
    assert_eq!(bad.status, 400, "{}", bad.text());
    let fewer = "UPDATE stock SET on_hand = 3, reserved = 3 WHERE sku = 'a'";
    tamper_while_closed(&mut shop.0, &[fewer.to_owned()]).await;
    shop.0.start().await.expect("it starts");
    for body in [Value::Null, json!({"dryRun": true})] {
        let refused = shop.post(RECONCILE, &body).await;
        assert_eq!(refused.status, 409, "{}", refused.text());
        let problem: Value = refused.json();
        assert_eq!(problem["code"], "stock_not_mendable", "{problem}");
        let detail = problem["detail"].as_str().expect("text");
        assert!(detail.contains("waybill stock set SKU 4"), "{detail}");
    }
}

#[tokio::test]
async fn verify_mends_a_row_that_is_safe_to_mend_and_leaves_one_that_is_not() {
    let mut shop = damaged().await;
    shop.stocked("b", 5).await;
    shop.placed("k2", &small("b", 2)).await;
    let lost = "DELETE FROM reservations WHERE sku = 'b'".to_owned();
    tamper_while_closed(&mut shop.0, &[lost]).await;
    let left = verify_with(&shop, &["--repair"], 6).await;
    assert!(!left.contains("stock a@local"), "it is mended: {left}");
    assert!(
        left.contains("stock b@local"),
        "its order is damaged: {left}"
    );
    shop.0.start().await.expect("it starts");
    let row: Value = shop.get("/v1/stock/a").await.json();
    assert_eq!((&row["reserved"], &row["onHand"]), (&json!(4), &json!(15)));
    let page: Value = shop.get("/v1/events").await.json();
    let items = page["items"].as_array().expect("items");
    let by = |event: &&Value| event["actor"] == "operator:verify";
    assert_eq!(items.iter().filter(by).count(), 1, "{page}");
}

#[tokio::test]
async fn a_repair_beside_a_server_that_has_the_embedded_store_open_changes_nothing() {
    let shop = damaged().await;
    if shop.0.database().is_some() {
        // A database is shared; there it is mended beside the server.
        verify_with(&shop, &["--repair"], 0).await;
        return;
    }
    verify_with(&shop, &["--repair"], 1).await;
    verify(&shop, 6).await;
}

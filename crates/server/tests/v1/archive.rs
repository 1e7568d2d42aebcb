//! Finished orders leave for the archive by themselves, are read there, and come back.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Answer;
use waybill_testkit::server::Start;

use crate::shop::{AT_ONCE, PATIENCE, Shop, id, small};

/// A shop whose finished orders leave once they are this old.
async fn shop_that_archives(after: &str, defect: &str) -> Shop {
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms(AT_ONCE)
        .env("WAYBILL_HOUSEKEEPING__INTERVAL_MS", "50ms")
        .env("WAYBILL_HOUSEKEEPING__ARCHIVE_AFTER_MS", after)
        .env("WAYBILL_TEST_DEFECT", defect);
    let shop = Shop::start(start).await;
    shop.stocked("MUG-1", 1_000).await;
    shop
}

/// Asks until the answer has this status.
async fn until(shop: &Shop, path: &str, status: u16) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = shop.get(path).await;
        if answer.status == status {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_finished_order_leaves_is_read_in_the_archive_and_comes_back() {
    let shop = shop_that_archives("2s", "none").await;
    let mut order = small("MUG-1", 2);
    order["clientReference"] = json!("po-1");
    let order_id = id(&shop.placed("key-1", &order).await);
    let path = format!("/v1/orders/{order_id}");
    let begun = Instant::now();
    while shop.get(&path).await.json::<Value>()["status"] != "delivered" {
        assert!(begun.elapsed() < PATIENCE, "it is delivered");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let events: Value = shop.get(&format!("{path}/events?limit=100")).await.json();
    let before: Value = shop.get(&path).await.json();

    let gone: Value = until(&shop, &path, 410).await.json();
    assert_eq!(gone["code"], "order_archived", "{gone}");
    assert_eq!(gone["orderId"], order_id.as_str(), "{gone}");
    for name in [order_id.clone(), "ref:po-1".into()] {
        let kept = shop.get(&format!("/v1/archive/{name}")).await;
        assert_eq!(kept.status, 200, "{}", kept.text());
        let kept: Value = kept.json();
        assert_eq!(kept["id"], order_id.as_str());
        assert_eq!(kept["events"], events["items"], "all that was told of it");
        assert_eq!(kept["rows"]["orders"][0]["status"], "delivered");
    }
    let listed: Value = shop.get("/v1/orders").await.json();
    assert_eq!(listed["items"], json!([]));
    let fed: Value = shop.get("/v1/events?limit=100").await.json();
    let of_it = |event: &&Value| event["orderId"] == order_id.as_str();
    let fed = fed["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(of_it)
        .count();
    assert_eq!(fed, 0, "its events left with it");

    let report = shop.0.verify().await.expect("it runs");
    assert!(
        report.ok,
        "with the order in the archive: {:?}",
        report.findings
    );

    // Its key and its reference are still its own.
    let again = shop.place("key-1", &order).await;
    assert_eq!(again.status, 410, "{}", again.text());
    assert_eq!(again.json::<Value>()["code"], "order_archived");
    let mut another = small("MUG-1", 3);
    another["clientReference"] = json!("po-1");
    let other = shop.place("key-2", &another).await;
    assert_eq!(other.status, 409, "{}", other.text());
    assert_eq!(other.json::<Value>()["code"], "reference_taken");

    let restore = format!("/v1/archive/{order_id}/restore");
    let stranger = shop
        .client("stranger", "admin")
        .send(Method::POST, &restore, &[], "".into())
        .await
        .expect("an answer");
    assert_eq!(stranger.status, 404, "{}", stranger.text());
    let reader = shop
        .client("default", "order:read")
        .send(Method::POST, &restore, &[], "".into())
        .await
        .expect("an answer");
    assert_eq!(reader.status, 403, "{}", reader.text());
    let back = shop.post(&restore, &Value::Null).await;
    assert_eq!(back.status, 200, "{}", back.text());
    let mut back: Value = back.json();
    back["updatedAt"] = before["updatedAt"].clone();
    assert_eq!(back, before);
    let replayed = shop.place("key-1", &order).await;
    assert_eq!(replayed.status, 201, "{}", replayed.text());
    assert_eq!(id(&replayed.json::<Value>()), order_id);
    let twice = shop.post(&restore, &Value::Null).await;
    assert_eq!(twice.status, 200, "{}", twice.text());
    let nothing = shop.get(&format!("/v1/archive/{order_id}")).await;
    assert_eq!(nothing.status, 404, "{}", nothing.text());
    let told: Value = shop.get(&format!("{path}/events?limit=100")).await.json();
    assert_eq!(told["items"], events["items"]);
}

/// The test can fail: an order that leaves without its units being summed up leaves stock that does not add up.
#[cfg(feature = "planted-defects")]
#[tokio::test]
async fn units_that_left_with_an_order_and_were_not_kept_are_found_out() {
    let shop = shop_that_archives("50ms", "lose_archived_units").await;
    let order_id = id(&shop.placed("key-1", &small("MUG-1", 2)).await);
    until(&shop, &format!("/v1/orders/{order_id}"), 410).await;
    let report = shop.0.verify().await.expect("it runs");
    let of_stock = |finding: &Value| finding["invariant"] == "I5";
    assert!(
        report.findings.iter().any(of_stock),
        "{:?}",
        report.findings
    );
}

//! Placing and reading.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{ORDERS, demo, example, get, one, placed, post, refusal, shop};

#[tokio::test]
async fn the_contracts_order_gets_the_contracts_answers() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let answer = post(&mut client, ORDERS, &[], &example()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("idempotent-replayed"), None);
    let taken: Value = answer.json();
    let expected = json!({
        "order_id": taken["order_id"], "status": "PENDING_SHIPMENT",
        "total_amount": "1059.97", "created_at": taken["created_at"],
    });
    assert_eq!(taken, expected);
    let id = taken["order_id"].as_str().expect("an id");
    assert_eq!(id.len(), 36);
    let answer = get(&mut client, &format!("{ORDERS}/{id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let read: Value = answer.json();
    let expected = json!({
        "id": id, "customer_id": "customer-123", "status": "PENDING_SHIPMENT", "total_amount": 1059.97,
        "items": example()["items"], "created_at": taken["created_at"], "updated_at": read["updated_at"],
    });
    assert_eq!(read, expected);
    assert!(
        read["updated_at"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
}

#[tokio::test]
async fn ids_given_as_numbers_are_their_text() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let order =
        json!({"customer_id": 42, "items": [{"product_id": 7, "quantity": 2, "unit_price": 10}]});
    let answer = post(&mut client, ORDERS, &[], &order).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let taken: Value = answer.json();
    assert_eq!(
        taken["total_amount"], "20.00",
        "text, with the currency's digits"
    );
    let id = taken["order_id"].as_str().expect("an id");
    let read: Value = get(&mut client, &format!("{ORDERS}/{id}")).await.json();
    assert_eq!(
        (&read["customer_id"], &read["items"][0]["product_id"]),
        (&json!("42"), &json!("7"))
    );
}

#[tokio::test]
async fn a_key_makes_a_request_unique() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let key = [("idempotency-key", "k-1")];
    let first = post(&mut client, ORDERS, &key, &example()).await;
    let again = post(&mut client, ORDERS, &key, &example()).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.text(), first.text());
    let other = post(&mut client, ORDERS, &key, &one("p")).await;
    assert_eq!(refusal(&other), (422, "IDEMPOTENCY_KEY_REUSED".to_owned()));
    let other_key = [("idempotency-key", "k-2")];
    let second = post(&mut client, ORDERS, &other_key, &example()).await;
    assert_ne!(second.text(), first.text(), "a key decides, not the window");
}

#[tokio::test]
async fn a_body_may_have_10_mb_and_no_more() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    for (bytes, status) in [(10 << 20, 201), ((10 << 20) + 1, 413)] {
        let start = r#"{"customer_id":"c","items":[{"product_id":"p","quantity":1,"unit_price":1}],"note":""#;
        let note = "x".repeat(bytes - start.len() - 2);
        let body = Bytes::from(format!("{start}{note}\"}}"));
        assert_eq!(body.len(), bytes);
        let answer = client
            .send(Method::POST, ORDERS, &[], body)
            .await
            .expect("an answer");
        assert_eq!(answer.status, status, "{}", answer.text());
        if status == 413 {
            assert_eq!(refusal(&answer).1, "PAYLOAD_TOO_LARGE");
        }
    }
}

#[tokio::test]
async fn a_product_that_is_out_of_stock_is_unavailable() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let short = post(&mut client, ORDERS, &[], &one("out-of-stock-1")).await;
    assert_eq!(refusal(&short), (400, "PRODUCT_UNAVAILABLE".to_owned()));
}

#[tokio::test]
async fn an_inventory_that_is_away_is_503() {
    let app = demo().env("INVENTORY_FAILURE_RATE", "100").ready();
    let app = app.await.expect("ready");
    let mut client = shop(&app).await;
    let away = post(&mut client, ORDERS, &[], &one("p")).await;
    assert_eq!(
        refusal(&away),
        (503, "INVENTORY_SERVICE_UNAVAILABLE".to_owned())
    );
    assert!(away.header("retry-after").is_some());
}

#[tokio::test]
async fn another_tenants_order_is_not_found() {
    let app = demo().ready().await.expect("ready");
    let id = placed(&mut shop(&app).await, &example()).await;
    let token = waybill_testkit::token::demo_for("stranger", "s");
    let mut stranger = waybill_testkit::http::Client::new(app.address()).with_token(&token);
    let answer = get(&mut stranger, &format!("{ORDERS}/{id}")).await;
    assert_eq!(refusal(&answer), (404, "ORDER_NOT_FOUND".to_owned()));
}

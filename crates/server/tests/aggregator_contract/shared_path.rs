//! `/api/orders` is a path of two dialects.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{Market, ORDERS, guest, id, order, placed, post, read, refusal};

fn of_sales() -> Value {
    json!({"customerId": "customer-123", "items": [{"productId": "product-456", "quantity": 2, "price": 29.99}]})
}

#[tokio::test]
async fn items_with_a_sku_are_of_this_dialect_and_all_else_is_of_sales() {
    let market = Market::open().await;
    let mut client = market.app.client();
    assert_eq!(
        placed(&mut client, &order("MOUSE-001", 1)).await["status"],
        "pending"
    );
    let escaped = r#"{"customerId":"c","items":[{"\u0073ku":"MOUSE-001","quantity":1}]}"#;
    let sent = client
        .send(Method::POST, ORDERS, &[], Bytes::from(escaped))
        .await;
    assert_eq!(sent.expect("an answer").status, 201);
    let answer = post(&mut client, ORDERS, &[], &of_sales()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json::<Value>()["data"]["status"], "Pending Shipment");
    for body in [
        "{}",
        "{",
        "",
        "[]",
        r#"{"items":[]}"#,
        r#"{"items":[{}]}"#,
        r#"{"sku":"A"}"#,
    ] {
        let sent = client
            .send(Method::POST, ORDERS, &[], Bytes::from(body))
            .await;
        let answer = sent.expect("an answer");
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(
            answer.json::<Value>()["error"]["code"],
            "VALIDATION_ERROR",
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_body_of_both_is_refused() {
    let market = Market::open().await;
    for items in [
        json!([{"sku": "MOUSE-001", "productId": "MOUSE-001", "quantity": 1, "price": 1}]),
        json!([{"sku": "MOUSE-001", "quantity": 1}, {"productId": "MOUSE-001", "quantity": 1, "price": 1}]),
    ] {
        let body = json!({"customerId": "c", "items": items});
        let answer = post(&mut market.app.client(), ORDERS, &[], &body).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.json::<Value>()["error"]["code"], "VALIDATION_ERROR");
        let answer = post(&mut guest(&market.app), ORDERS, &[], &body).await;
        let (status, error) = refusal(&answer);
        assert!(status == 400 && error.contains("productId"), "{error}");
    }
}

#[tokio::test]
async fn an_order_is_read_in_the_words_of_both() {
    let market = Market::open().await;
    let mut client = market.app.client();
    let ours = placed(&mut client, &order("MOUSE-001", 2)).await;
    let theirs = post(&mut client, ORDERS, &[], &of_sales()).await;
    let theirs = theirs.json::<Value>()["data"]["orderId"].clone();
    for (order, word) in [
        (id(&ours), "pending"),
        (theirs.as_str().expect("an id"), "confirmed"),
    ] {
        let answer = client
            .get(&format!("{ORDERS}/{order}"))
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200);
        let body: Value = answer.json();
        assert_eq!(
            body["correlationId"].as_str(),
            answer.header("x-correlation-id")
        );
        let data = &body["data"];
        assert_eq!(
            (&data["orderId"], &data["status"], &data["customerId"]),
            (
                &json!(order),
                &json!("Pending Shipment"),
                &json!("customer-123")
            )
        );
        let nested = &data["order"];
        assert_eq!(
            (&nested["id"], &nested["total"]),
            (&json!(order), &data["totalAmount"])
        );
        assert!(
            nested["status"] == word || nested["status"] == "confirmed",
            "{nested}"
        );
        assert_eq!(nested["items"][0]["sku"], data["items"][0]["productId"]);
        assert_eq!(nested["items"][0]["unitPrice"], data["items"][0]["price"]);
    }
}

/// The simulated inventory service has everything; it is not asked for an order of this dialect.
#[tokio::test]
async fn a_sku_that_nobody_has_is_short_here_and_there_in_sales() {
    let market = Market::open().await;
    let mut client = market.app.client();
    let answer = post(&mut client, ORDERS, &[], &order("product-456", 1)).await;
    assert_eq!(
        refusal(&answer),
        (400, "Insufficient stock for product-456".into())
    );
    assert_eq!(
        post(&mut client, ORDERS, &[], &of_sales()).await.status,
        201
    );
}

#[tokio::test]
async fn a_key_of_one_dialect_is_used_up_in_the_other() {
    let market = Market::open().await;
    let mut client = market.app.client();
    let key = [("Idempotency-Key", "k-1")];
    assert_eq!(
        post(&mut client, ORDERS, &key, &of_sales()).await.status,
        201
    );
    let answer = post(&mut client, ORDERS, &key, &order("MOUSE-001", 1)).await;
    let (status, error) = refusal(&answer);
    assert!(
        status == 422 && error.contains("IDEMPOTENCY_KEY_REUSED"),
        "{error}"
    );
    let key = [("Idempotency-Key", "k-2")];
    let ours = post(&mut client, ORDERS, &key, &order("MOUSE-001", 1)).await;
    assert_eq!(ours.status, 201);
    let answer = post(&mut client, ORDERS, &key, &of_sales()).await;
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.json::<Value>()["error"]["code"],
        "IDEMPOTENCY_KEY_REUSED"
    );
    read(
        &mut client,
        ours.json::<Value>()["orderId"].as_str().expect("an id"),
    )
    .await;
}

//! Orders that are wrong, and what is said of them.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{Market, ORDERS, guest, order, post, refusal};

/// An order of one unit in which a member is something else.
fn with(member: &str, value: Value) -> Value {
    let mut body = order("MOUSE-001", 1);
    body[member] = value;
    body
}

/// Each body is refused, and its first fault is in that field.
async fn refused(cases: Vec<(Value, &str)>) {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    for (body, field) in cases {
        let answer = post(&mut client, ORDERS, &[], &body).await;
        let expected = (400, "Invalid order data".to_owned());
        assert_eq!(refusal(&answer), expected, "{body}");
        let details = &answer.json::<Value>()["details"];
        assert_eq!(details[0]["field"], field, "{body}: {details}");
        let message = details[0]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{details}");
    }
}

#[tokio::test]
async fn a_customer_and_items_that_are_wrong_are_refused_by_field() {
    let item = |item: Value| with("items", json!([item]));
    let priced =
        |price: Value| item(json!({"sku": "MOUSE-001", "quantity": 1, "unitPrice": price}));
    let counted = |quantity: Value| item(json!({"sku": "MOUSE-001", "quantity": quantity}));
    let nobodys = json!({"items": [{"sku": "MOUSE-001", "quantity": 1}]});
    refused(vec![
        (nobodys, "customerId"),
        (with("customerId", json!("")), "customerId"),
        (with("customerId", json!(7)), "customerId"),
        (
            with("items", json!([{"sku": "MOUSE-001", "quantity": 1}, 7])),
            "items[1]",
        ),
        (item(json!({"sku": "", "quantity": 1})), "items[0].sku"),
        (item(json!({"sku": 7, "quantity": 1})), "items[0].sku"),
        (item(json!({"sku": "MOUSE-001"})), "items[0].quantity"),
        (counted(json!(0)), "items[0].quantity"),
        (counted(json!(1.5)), "items[0].quantity"),
        (counted(json!(1_000_001)), "items[0].quantity"),
        (priced(json!(-1)), "items[0].unitPrice"),
        (priced(json!("1")), "items[0].unitPrice"),
        (priced(json!(9.999)), "items[0].unitPrice"),
    ])
    .await;
}

#[tokio::test]
async fn details_that_are_wrong_are_refused_by_field() {
    let long = "x".repeat(501);
    refused(vec![
        (with("customerEmail", json!(7)), "customerEmail"),
        (with("customerEmail", json!(long)), "customerEmail"),
        (with("notes", json!("a\u{0}b")), "notes"),
        (with("shippingAddress", json!([])), "shippingAddress"),
        (
            with("shippingAddress", json!({"city": 7})),
            "shippingAddress.city",
        ),
        (
            with("shippingAddress", json!({"country": long})),
            "shippingAddress.country",
        ),
        (
            with("paymentMethod", json!("x".repeat(9_000))),
            "paymentMethod",
        ),
    ])
    .await;
}

#[tokio::test]
async fn every_fault_of_an_order_is_told() {
    let market = Market::open().await;
    let several = json!({"customerId": "", "items": [{"sku": "", "quantity": 0}]});
    let answer = post(&mut guest(&market.app), ORDERS, &[], &several).await;
    let details = answer.json::<Value>()["details"].clone();
    assert_eq!(details.as_array().map(Vec::len), Some(3), "{details}");
}

#[tokio::test]
async fn too_little_stock_names_the_product_and_reserves_nothing() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let two = json!({"customerId": "c", "items": [
        {"sku": "MOUSE-001", "quantity": 1}, {"sku": "LAPTOP-001", "quantity": 10}, {"sku": "LAPTOP-001", "quantity": 6}]});
    let answer = post(&mut client, ORDERS, &[], &two).await;
    assert_eq!(
        refusal(&answer),
        (400, "Insufficient stock for LAPTOP-001".into())
    );
    let unknown = json!({"customerId": "c", "items": [
        {"sku": "MOUSE-001", "quantity": 1}, {"sku": "mouse-001", "quantity": 1}]});
    let answer = post(&mut client, ORDERS, &[], &unknown).await;
    assert_eq!(
        refusal(&answer),
        (400, "Insufficient stock for mouse-001".into())
    );
    let all = json!({"customerId": "c", "items": [{"sku": "MOUSE-001", "quantity": 55}]});
    assert_eq!(post(&mut client, ORDERS, &[], &all).await.status, 201);
}

#[tokio::test]
async fn other_refusals_are_in_the_words_of_this_dialect() {
    let market = Market::open().await;
    let mut client = guest(&market.app);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let sent = client
        .send(Method::POST, "/order", &form, Bytes::from("productId=A"))
        .await;
    assert_eq!(refusal(&sent.expect("an answer")).0, 415);
    let sent = client.send(Method::GET, "/order", &[], Bytes::new()).await;
    assert_eq!(refusal(&sent.expect("an answer")).0, 405);
    let sent = client
        .send(Method::GET, "/order/7", &[], Bytes::new())
        .await;
    assert_eq!(refusal(&sent.expect("an answer")).0, 404);
    let body = Bytes::from(vec![b' '; (1 << 20) + 1]);
    let sent = client.send(Method::POST, "/order", &[], body).await;
    assert_eq!(refusal(&sent.expect("an answer")).0, 413);
    let long = "k".repeat(300);
    let key = [("Idempotency-Key", long.as_str())];
    let answer = post(&mut client, ORDERS, &key, &order("MOUSE-001", 1)).await;
    assert_eq!(refusal(&answer).0, 400);
}

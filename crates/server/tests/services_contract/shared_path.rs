//! `POST /orders` is also a path of the sales dialect, by the name that the body gives the customer.

use http::Method;
use serde_json::{Value, json};

use super::{ORDERS, demo, example, get, post, refusal, shop};

#[tokio::test]
async fn an_order_with_customer_id_in_camel_case_is_answered_in_the_words_of_sales() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let order = json!({"customerId": "customer-123", "items": [{"productId": "product-456", "quantity": 2, "price": 29.99}]});
    let answer = post(&mut client, ORDERS, &[], &order).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let taken: Value = answer.json();
    assert_eq!(
        (
            &taken["success"],
            &taken["data"]["status"],
            &taken["data"]["totalAmount"]
        ),
        (&json!(true), &json!("Pending Shipment"), &json!(59.98))
    );
    let id = taken["data"]["orderId"].as_str().expect("an id");
    let of_sales = get(&mut client, &format!("/api/orders/{id}")).await;
    assert_eq!(of_sales.status, 200, "{}", of_sales.text());
    let second: Value = post(&mut client, ORDERS, &[], &order).await.json();
    assert_ne!(
        second["data"]["orderId"], taken["data"]["orderId"],
        "sales has no window"
    );
}

#[tokio::test]
async fn its_refusals_are_in_the_words_of_sales_too() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let order = |product: &str, quantity: i64| json!({"customerId": "c", "items": [{"productId": product, "quantity": quantity, "price": 1}]});
    for (body, status, code) in [
        (order("p", 0), 400, "VALIDATION_ERROR"),
        (order("out-of-stock", 1), 422, "INSUFFICIENT_INVENTORY"),
    ] {
        let answer = post(&mut client, ORDERS, &[], &body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let error: Value = answer.json();
        assert_eq!(
            (&error["success"], &error["error"]["code"]),
            (&json!(false), &json!(code))
        );
    }
}

#[tokio::test]
async fn a_body_of_both_is_refused() {
    let app = demo().ready().await.expect("ready");
    let mut client = shop(&app).await;
    let mut both = example();
    both["customerId"] = json!("customer-123");
    let answer = post(&mut client, ORDERS, &[], &both).await;
    assert_eq!(refusal(&answer), (400, "VALIDATION_ERROR".to_owned()));
    let method = client.send(Method::PUT, ORDERS, &[], "{}".into()).await;
    let answer = method.expect("an answer");
    assert_eq!(refusal(&answer), (405, "METHOD_NOT_ALLOWED".to_owned()));
}

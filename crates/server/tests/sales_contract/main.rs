//! The sales dialect through the front door of the real binary: paths, fields, statuses and headers, exactly as its
//! clients expect them.

mod deliveries;
mod inventory;
mod metrics;
mod orders;
mod overload;
mod refusals;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::{Start, Waybill};

/// Longer than any step of a test takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const ORDERS: &str = "/api/orders";

/// The real binary; nothing moves by itself within a test.
fn demo() -> Start {
    Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms("600000")
}

/// The order of the contract's example.
fn example() -> Value {
    json!({"customerId":"customer-123","items":[{"productId":"product-456","quantity":2,"price":29.99}]})
}

/// An order of one unit of a product.
fn one(product: &str) -> Value {
    json!({"customerId":"customer-123","items":[{"productId":product,"quantity":1,"price":5}]})
}

async fn post(client: &mut Client, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let body = Bytes::from(body.to_string());
    client
        .send(Method::POST, path, headers, body)
        .await
        .expect("an answer")
}

/// Places an order that must be taken; its id.
async fn placed(client: &mut Client, order: &Value) -> String {
    let answer = post(client, ORDERS, &[], order).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = &answer.json::<Value>()["data"]["orderId"];
    id.as_str().expect("an id").to_owned()
}

async fn read(client: &mut Client, id: &str) -> Value {
    let answer = client
        .get(&format!("{ORDERS}/{id}"))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Reads an order until it has this status.
async fn reaches(client: &mut Client, id: &str, status: &str) {
    let begun = Instant::now();
    loop {
        let found = read(client, id).await;
        if found["data"]["status"] == status {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "not {status} yet: {found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The words of an order's events so far, its own and its shipments'.
async fn events(app: &Waybill, id: &str) -> Vec<String> {
    let answer = app
        .client()
        .get(&format!("/v1/orders/{id}/events"))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page: Value = answer.json();
    let items = page["items"].as_array().expect("a page of events");
    items
        .iter()
        .map(|event| event["type"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The code within an error of this dialect.
fn code(answer: &Answer) -> String {
    let body: Value = answer.json();
    assert_eq!(body["success"], false, "{body}");
    assert!(
        body["error"]["message"]
            .as_str()
            .is_some_and(|m| !m.is_empty()),
        "{body}"
    );
    assert_eq!(
        body["correlationId"].as_str(),
        answer.header("x-correlation-id"),
        "{body}"
    );
    body["error"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

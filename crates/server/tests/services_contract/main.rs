//! The services dialect through the front door of the real binary: paths, fields, statuses and headers, exactly as its
//! clients expect them.

mod clients;
mod duplicates;
mod orders;
mod refusals;
mod shared_path;
mod shipments;
mod tokens;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::{Start, Waybill};

/// Longer than any step of a test takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const ORDERS: &str = "/orders";
const NOWHERE: &str = "019a0000-0000-7000-8000-000000000000";

/// The real binary; nothing moves by itself within a test.
fn demo() -> Start {
    Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms("600000")
}

/// An order of two products, which costs 1059.97.
fn example() -> Value {
    json!({"customer_id": "customer-123", "items": [
        {"product_id": "product-1", "quantity": 1, "unit_price": 999.99},
        {"product_id": "product-2", "quantity": 2, "unit_price": 29.99}]})
}

/// An order of one unit of a product.
fn one(product: &str) -> Value {
    json!({"customer_id": "customer-123", "items": [{"product_id": product, "quantity": 1, "unit_price": 5}]})
}

async fn post(client: &mut Client, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let body = Bytes::from(body.to_string());
    client
        .send(Method::POST, path, headers, body)
        .await
        .expect("an answer")
}

async fn get(client: &mut Client, path: &str) -> Answer {
    client.get(path).await.expect("an answer")
}

/// A token as a client gets it.
async fn token(app: &Waybill) -> String {
    let asked = json!({"client_id": "demo-client", "client_secret": "demo-secret", "grant_type": "client_credentials"});
    let answer = post(&mut Client::new(app.address()), "/auth/token", &[], &asked).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = &answer.json::<Value>()["access_token"];
    token.as_str().expect("a token").to_owned()
}

/// A client with a token that it got from the server.
async fn shop(app: &Waybill) -> Client {
    Client::new(app.address()).with_token(&token(app).await)
}

/// Places an order that must be taken; its id.
async fn placed(client: &mut Client, order: &Value) -> String {
    let answer = post(client, ORDERS, &[], order).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = &answer.json::<Value>()["order_id"];
    id.as_str().expect("an id").to_owned()
}

/// Reads an order until it has this status.
async fn reaches(client: &mut Client, id: &str, status: &str) -> Value {
    let begun = Instant::now();
    loop {
        let answer = get(client, &format!("{ORDERS}/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let found: Value = answer.json();
        if found["status"] == status {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not {status} yet: {found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The first shipment of an order, once it is there.
async fn shipment_of(client: &mut Client, order: &str) -> Value {
    let begun = Instant::now();
    loop {
        let answer = get(client, &format!("/delivery/shipment/{order}")).await;
        if answer.status == 200 {
            return answer.json();
        }
        assert_eq!(refusal(&answer), (404, "SHIPMENT_NOT_FOUND".to_owned()));
        assert!(begun.elapsed() < PATIENCE, "no shipment yet");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The status and the code of a refusal, which has a message and nothing else.
fn refusal(answer: &Answer) -> (u16, String) {
    let body: Value = answer.json();
    let members = body.as_object().map(serde_json::Map::len);
    assert_eq!(members, Some(2), "{body}");
    let message = body["message"].as_str().unwrap_or_default();
    assert!(!message.is_empty(), "{body}");
    let error = body["error"].as_str().unwrap_or_default();
    (answer.status.as_u16(), error.to_owned())
}

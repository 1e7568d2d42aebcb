//! An order whose events are larger than a message of the broker may be.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use waybill_testkit::token;

use crate::broker::Sqs;
use crate::services::{HANGS, LOOK_AGAIN, all, delivery_client, ready, start};

/// Lines of an order whose confirmation is larger than SQS takes.
const LINES: usize = 6_000;

#[tokio::test]
async fn an_order_that_is_too_large_for_a_message_is_shipped() {
    let Some(broker) = Sqs::start() else { return };
    let orders = start(&broker, "api,status,relay,housekeeping");
    let orders = orders.env("WAYBILL_LIMITS__LINES", LINES.to_string());
    let mut orders = orders.prepared().expect("a folder");
    let url = format!("http://{}", orders.address());
    orders.set("WAYBILL_BROKER__PUBLIC_URL", &url);
    orders.migrate().await.expect("the schema");
    orders.start().await.expect("it starts");
    orders.seed("MUG", 1_000_000).await.expect("stock");
    let delivery = start(&broker, "delivery,relay,housekeeping")
        .env("WAYBILL_BROKER__SOURCE_URL", &url)
        .env(
            "WAYBILL_BROKER__TOKEN",
            token::demo_for("default", "delivery"),
        );
    let delivery = ready(delivery).await;

    let line = json!({"sku": "MUG", "quantity": 1, "unitPrice": "1.00"});
    let order = json!({"currency": "EUR", "lines": vec![line; LINES]});
    let body = Bytes::from(order.to_string());
    let mut client = orders.client();
    let headers = [("idempotency-key", "large")];
    let placed = client.send(Method::POST, "/v1/orders", &headers, body);
    let placed = placed.await.expect("an answer");
    assert_eq!(placed.status, 201, "{}", placed.text());
    let placed: Value = placed.json();
    let path = format!("/v1/orders/{}", placed["id"].as_str().expect("an id"));
    let delivered = async {
        loop {
            let order: Value = client.get(&path).await.expect("an answer").json();
            if order["status"] == "delivered" {
                break;
            }
            sleep(LOOK_AGAIN).await;
        }
    };
    if timeout(HANGS, delivered).await.is_err() {
        panic!("{}{}", orders.output(), delivery.output());
    }
    let shipments = all(&mut delivery_client(&delivery), "/v1/shipments").await;
    assert_eq!(shipments.len(), 1);
}

//! Delivery and status take their turns in one transaction, while people move shipments beside them: status must not
//! pass an event that a turn did not take.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use waybill_testkit::http::Client;
use waybill_testkit::server::Start;

use crate::shop::{NEVER, PATIENCE, Shop, id, small};

const CLIENTS: usize = 24;
const ORDERS_OF_A_CLIENT: usize = 20;
const POLL: Duration = Duration::from_millis(5);

/// Places orders and carries each of them by hand, as soon as it has a shipment; their ids.
async fn carry_by_hand(mut client: Client, name: usize) -> Vec<String> {
    let mut orders = vec![];
    for n in 0..ORDERS_OF_A_CLIENT {
        let key = format!("carried-{name}-{n}");
        let headers = [("idempotency-key", key.as_str())];
        let body = small("MUG-1", 1).to_string();
        let placed = client.send(Method::POST, "/v1/orders", &headers, body.into());
        let order = id(&placed.await.expect("an answer").json());
        let shipment = shipment(&mut client, &order).await;
        for status in ["shipped", "delivered"] {
            let path = format!("/v1/shipments/{shipment}/status");
            let body = json!({"status": status}).to_string();
            let moved = client.send(Method::POST, &path, &[], body.into()).await;
            let moved = moved.expect("an answer");
            assert_eq!(moved.status, 200, "{}", moved.text());
        }
        orders.push(order);
    }
    orders
}

/// Waits for the order's shipment; its id.
async fn shipment(client: &mut Client, order: &str) -> String {
    let begun = Instant::now();
    loop {
        let path = format!("/v1/shipments?orderId={order}");
        let found: Value = client.get(&path).await.expect("an answer").json();
        if let Some([shipment, ..]) = found["items"].as_array().map(Vec::as_slice) {
            return id(shipment);
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "no shipment of {order}: {found}"
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Orders whose shipments were all delivered by hand, and which of those status has lost on their way.
async fn lost_by_status(shop: &Shop) -> Vec<Value> {
    shop.stocked("MUG-1", 100_000).await;
    let mut clients = JoinSet::new();
    for name in 0..CLIENTS {
        clients.spawn(carry_by_hand(shop.client("default", "admin"), name));
    }
    let orders = clients.join_all().await.concat();
    assert_eq!(orders.len(), CLIENTS * ORDERS_OF_A_CLIENT);
    shop.status_has_passed_all().await;
    let mut lost = vec![];
    for order in orders {
        let order = shop.0.order(&order).await.expect("it is there");
        if order["status"] != "delivered" {
            lost.push(order);
        }
    }
    lost
}

fn start() -> Start {
    Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms(NEVER)
}

#[tokio::test]
async fn status_takes_every_event_of_shipments_that_people_move_beside_its_turns() {
    let shop = Shop::start(start()).await;
    let lost = lost_by_status(&shop).await;
    assert!(lost.is_empty(), "{} lost: {}", lost.len(), lost[0]);
    let report = shop.0.verify().await.expect("it can be verified");
    assert!(report.ok, "{:?}", report.findings);
}

/// The test can fail: turns that take as read whatever others wrote since they began lose orders.
#[cfg(feature = "planted-defects")]
#[tokio::test]
async fn turns_that_pass_what_others_wrote_are_found_out() {
    let shop = Shop::start(start().env("WAYBILL_TEST_DEFECT", "pass_over_others")).await;
    assert!(!lost_by_status(&shop).await.is_empty());
}

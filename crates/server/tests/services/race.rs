//! Cancellations that race with shipping, through two services.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http::Method;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{HANGS, LOOK_AGAIN, Services};

/// Orders whose cancellation races with their shipment.
const RACES: usize = 1_000;
const AT_ONCE: usize = 16;
/// A shipment leaves within this time of its confirmation, and a cancellation is asked for within it.
const SPREAD_MS: u64 = 60;

/// Places an order and asks for its cancellation a little later; its id.
async fn race(services: Arc<Services>, n: usize) -> String {
    let id = services.place(&format!("race-{n}")).await;
    // Spread evenly over the time in which shipments leave, so that both sides win.
    sleep(Duration::from_millis(n as u64 * 7 % SPREAD_MS)).await;
    let path = format!("/v1/orders/{id}/cancel");
    let body = Bytes::from_static(b"{\"reason\":\"changed my mind\"}");
    let mut client = services.app.client();
    let answer = client.send(Method::POST, &path, &[], body).await;
    let answer = answer.expect("an answer");
    let code = answer.status.as_u16();
    assert!([200, 202, 409].contains(&code), "{}", answer.text());
    id
}

/// The order's last status: `cancelled` or `delivered`.
async fn end(services: &Services, id: &str) -> String {
    let ended = async {
        loop {
            let order = services.app.order(id).await.expect("it is there");
            match order["status"].as_str() {
                Some(end @ ("cancelled" | "delivered")) => return end.to_owned(),
                _ => sleep(LOOK_AGAIN).await,
            }
        }
    };
    let ended = timeout(HANGS, ended).await;
    ended.unwrap_or_else(|_| panic!("{id} has not ended: {}", services.app.output()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_cancellations_that_race_with_shipping_each_is_cancelled_or_shipped() {
    let services = Services::carrying_within_ms(None, &format!("0-{SPREAD_MS}")).await;
    let services = Arc::new(services);
    let races = stream::iter((0..RACES).map(|n| race(services.clone(), n)));
    let orders: Vec<String> = races.buffer_unordered(AT_ONCE).collect().await;
    let mut services = Arc::into_inner(services).expect("every race is over");
    let (mut cancelled, mut delivered) = (vec![], vec![]);
    for id in &orders {
        match end(&services, id).await.as_str() {
            "cancelled" => cancelled.push(id.clone()),
            _ => delivered.push(id.clone()),
        }
    }
    println!("{} cancelled, {} shipped", cancelled.len(), delivered.len());
    assert!(
        cancelled.len() >= 50 && delivered.len() >= 50,
        "inconclusive"
    );

    let mut left: Vec<String> = vec![];
    for shipment in services.shipments_as_json().await {
        match shipment["status"].as_str() {
            Some("delivered") => left.push(shipment["orderId"].as_str().expect("text").to_owned()),
            Some("cancelled") => {}
            _ => panic!("it is neither delivered nor cancelled: {shipment}"),
        }
    }
    left.sort();
    delivered.sort();
    assert_eq!(
        left, delivered,
        "what was shipped is what was not cancelled"
    );

    let answer = services.app.client().get("/v1/stock?sku=MUG").await;
    let page: Value = answer.expect("an answer").json();
    let stock = &page["items"][0];
    let units = 2 * delivered.len();
    assert_eq!(stock["onHand"], 10_000 - units, "{stock}");
    assert_eq!(stock["reserved"], 0, "{stock}");
    assert!(services.app.stop().await.expect("they stop").success());
    services.sound(None).await;
}

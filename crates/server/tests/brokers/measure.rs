//! Figures, printed and not judged, of two services on one machine with their databases and the broker:
//!
//! `WAYBILL_MEASURE=yes cargo test --release -p waybill --features full --test brokers measure -- --nocapture --test-threads 1`

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use waybill_domain::time::Time;
use waybill_testkit::http::Client;

use crate::broker::Broker;
use crate::services::{LOOK_AGAIN, Services, Stores, all};

/// `WAYBILL_MEASURE_AWAY_S`: seconds for which the broker is away, 60 if it is not set.
fn away() -> Duration {
    Duration::from_secs(number("WAYBILL_MEASURE_AWAY_S").unwrap_or(60))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Clients that place orders as fast as they are answered.
const CLIENTS: usize = 64;

/// `WAYBILL_MEASURE_RATE`: orders a second while latencies are measured, 500 if it is not set.
fn rate() -> u32 {
    number("WAYBILL_MEASURE_RATE").map_or(500, |rate| rate as u32)
}

/// For how long they are, and from how many clients. Orders of the time before are placed and not measured: consumers
/// join their groups and connections are made.
const WARM_UP: Duration = Duration::from_secs(10);
const STEADY: Duration = Duration::from_secs(20);
const STEADY_CLIENTS: u32 = 25;

fn wanted() -> bool {
    std::env::var_os("WAYBILL_MEASURE").is_some()
}

/// `WAYBILL_MEASURE_SKUS`: how many articles orders are spread over, 100 if it is not set.
fn skus() -> usize {
    number("WAYBILL_MEASURE_SKUS").map_or(100, |skus| skus as usize)
}

/// Two services with stock of every article.
async fn services(broker: &dyn Broker) -> Services {
    let services = Services::two(broker, Stores::Postgres).await;
    for number in 0..skus() {
        let sku = format!("MUG-{number}");
        services.orders.seed(&sku, 10_000_000).await.expect("stock");
    }
    services
}

async fn place(client: &mut Client, key: &str, number: usize) -> String {
    let sku = format!("MUG-{}", number % skus());
    let line = json!({"sku": sku, "quantity": 1, "unitPrice": "1.00"});
    let order = json!({"currency": "EUR", "lines": [line]});
    let headers = [("idempotency-key", key)];
    let body = Bytes::from(order.to_string());
    let answer = client
        .send(Method::POST, "/v1/orders", &headers, body)
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let order: Value = answer.json();
    order["id"].as_str().expect("an id").to_owned()
}

/// Places orders from each client at its own pace, or as fast as they are answered; their ids.
async fn place_for(
    services: &Services,
    time: Duration,
    clients: u32,
    pace: Option<Duration>,
    name: &'static str,
) -> Vec<String> {
    let mut placing = JoinSet::new();
    for number in 0..clients {
        let mut client = services.orders.client();
        placing.spawn(async move {
            let end = Instant::now() + time;
            let mut ticks = interval(pace.unwrap_or(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut ids = vec![];
            while Instant::now() < end {
                if pace.is_some() {
                    ticks.tick().await;
                }
                let key = format!("{name}-{number}-{}", ids.len());
                let article = number as usize * 7 + ids.len();
                ids.push(place(&mut client, &key, article).await);
            }
            ids
        });
    }
    placing.join_all().await.concat()
}

async fn lag(services: &Services) -> i64 {
    let relay: Value = services
        .orders
        .client()
        .get("/v1/relay")
        .await
        .expect("an answer")
        .json();
    relay["lag"].as_i64().expect("a number")
}

async fn a_minute_without(broker: Option<impl Broker>) {
    let Some(mut broker) = broker else { return };
    let services = services(&broker).await;
    broker.kill();
    let orders = place_for(
        &services,
        away(),
        u32::try_from(CLIENTS).expect("few"),
        None,
        "away",
    )
    .await;
    let waiting = lag(&services).await;
    println!(
        "{}: {:.0} orders/s while it was away; {waiting} events wait",
        broker.name(),
        orders.len() as f64 / away().as_secs_f64()
    );
    let began = Instant::now();
    broker.start_again();
    while lag(&services).await == waiting {
        sleep(LOOK_AGAIN).await;
    }
    let (first, back) = (Instant::now(), began.elapsed());
    // Events of shipments come beside the drain, so the lag is compared with where it was.
    while lag(&services).await > waiting / 100 {
        sleep(LOOK_AGAIN).await;
    }
    let drain = first.elapsed().as_secs_f64();
    println!(
        "{}: the first event went out {} ms after its start, then {:.0} events/s",
        broker.name(),
        back.as_millis(),
        waiting as f64 / drain
    );
    let took = services.delivered(orders.len()).await;
    println!(
        "{}: all delivered {} ms after that",
        broker.name(),
        took.as_millis()
    );
    services.check(&orders, Stores::Postgres).await;
}

/// When events of this type were recorded, by order.
async fn recorded(client: &mut Client, kind: &str) -> HashMap<String, Time> {
    let events = all(client, "/v1/events").await;
    let of_kind = events.into_iter().filter(|event| event["type"] == kind);
    of_kind
        .map(|event| {
            let order = event["orderId"].as_str().expect("an order").to_owned();
            let at = event["recordedAt"].as_str().and_then(Time::parse);
            (order, at.expect("a time"))
        })
        .collect()
}

async fn steady(broker: Option<impl Broker>) {
    let Some(broker) = broker else { return };
    let services = services(&broker).await;
    let pace = Duration::from_secs(1) * STEADY_CLIENTS / rate();
    let place = |time, name| place_for(&services, time, STEADY_CLIENTS, Some(pace), name);
    let before = place(WARM_UP, "before").await;
    let orders = place(STEADY, "measured").await;
    let all = [before, orders.clone()].concat();
    services.delivered(all.len()).await;
    let confirmed = recorded(&mut services.orders.client(), "order.confirmed").await;
    let shipped = recorded(&mut services.delivery[0].client(), "shipment.created").await;
    let mut waits: Vec<i64> = orders
        .iter()
        .map(|order| shipped[order].0 - confirmed[order].0)
        .collect();
    waits.sort_unstable();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize] as f64 / 1e3;
    println!(
        "{}: {:.0} orders/s; from the commit of order.confirmed to that of the shipment p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        broker.name(),
        orders.len() as f64 / STEADY.as_secs_f64(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    services.check(&all, Stores::Postgres).await;
}

#[cfg(feature = "kafka")]
#[tokio::test]
async fn measure_kafka_away() {
    if wanted() {
        a_minute_without(crate::broker::Kafka::start()).await;
    }
}

#[cfg(feature = "kafka")]
#[tokio::test]
async fn measure_kafka_steady() {
    if wanted() {
        steady(crate::broker::Kafka::start()).await;
    }
}

#[cfg(feature = "rabbitmq")]
#[tokio::test]
async fn measure_rabbitmq_away() {
    if wanted() {
        a_minute_without(crate::broker::RabbitMq::start()).await;
    }
}

#[cfg(feature = "rabbitmq")]
#[tokio::test]
async fn measure_rabbitmq_steady() {
    if wanted() {
        steady(crate::broker::RabbitMq::start()).await;
    }
}

#[cfg(feature = "sqs")]
#[tokio::test]
async fn measure_sqs_steady() {
    if wanted() {
        steady(crate::broker::Sqs::start()).await;
    }
}

#[cfg(feature = "sqs")]
#[tokio::test]
async fn measure_sqs_away() {
    if wanted() {
        a_minute_without(crate::broker::Sqs::durable()).await;
    }
}

//! The same flow while the broker is killed, the relay is killed and a consumer is frozen.

use std::time::Duration;

use tokio::time::sleep;
use waybill_testkit::postgres::Postgres;
use waybill_testkit::unavailable::or_skip;

use crate::broker::Broker;
use crate::services::{Services, Stores};

/// How many orders are not delivered yet.
async fn under_way(services: &Services, placed: usize) -> usize {
    let counts = services.by_status().await;
    placed - counts.get("delivered").copied().unwrap_or(0)
}

/// Every fault, each with `wave` more orders under way. `frozen_for` is longer than the broker waits for a consumer that
/// does not answer.
async fn faults(broker: Option<impl Broker>, wave: usize, frozen_for: Duration) {
    let Some(mut broker) = broker else { return };
    if or_skip(Postgres::shared()).is_none() {
        return;
    }
    let mut services = Services::many(&broker).await;
    let (mut orders, mut hit) = (vec![], 0);
    for round in 0..3 {
        orders.extend(services.place(wave, &format!("broker-{round}")).await);
        let open = under_way(&services, orders.len()).await;
        println!(
            "{} (pid {}) killed with {open} orders under way",
            broker.name(),
            broker.pid()
        );
        broker.kill();
        hit += usize::from(open > 0);
        // Intake goes on.
        orders.extend(services.place(wave / 3, &format!("away-{round}")).await);
        broker.start_again();
    }
    orders.extend(services.place(wave, "relay").await);
    let open = under_way(&services, orders.len()).await;
    println!("the relay killed with {open} orders under way");
    hit += usize::from(open > 0);
    let relay = services.relay.as_mut().expect("a relay");
    relay.kill().await.expect("it is killed");
    relay.start().await.expect("it starts again");
    orders.extend(services.place(wave, "frozen").await);
    let open = under_way(&services, orders.len()).await;
    println!("a delivery process frozen with {open} orders under way");
    hit += usize::from(open > 0);
    services.delivery[0].pause().expect("it is frozen");
    sleep(frozen_for).await;
    services.delivery[0].resume().expect("it goes on");
    services.delivered(orders.len()).await;
    assert!(hit >= 2, "inconclusive: {hit} faults hit orders under way");
    println!("{hit} of 5 faults hit, {} orders", orders.len());
    let again = services.everything_again().await;
    println!("{}: {again} messages delivered twice", broker.name());
    services.check(&orders, Stores::Postgres).await;
}

#[cfg(feature = "kafka")]
#[tokio::test]
async fn faults_lose_and_repeat_nothing_over_kafka() {
    faults(crate::broker::Kafka::start(), 300, Duration::from_secs(50)).await;
}

/// Fewer orders: this ElasticMQ syncs each message by itself.
#[cfg(feature = "sqs")]
#[tokio::test]
async fn faults_lose_and_repeat_nothing_over_sqs() {
    faults(crate::broker::Sqs::durable(), 90, Duration::from_secs(40)).await;
}

#[cfg(feature = "rabbitmq")]
#[tokio::test]
async fn faults_lose_and_repeat_nothing_over_rabbitmq() {
    faults(
        crate::broker::RabbitMq::start(),
        300,
        Duration::from_secs(20),
    )
    .await;
}

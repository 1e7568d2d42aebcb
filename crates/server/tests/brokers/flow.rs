//! Orders flow from one service to the other and back.

use waybill_testkit::postgres::Postgres;
use waybill_testkit::unavailable::or_skip;

use crate::broker::Broker;
use crate::services::{Services, Stores};

async fn flow(broker: Option<impl Broker>, stores: Stores, count: usize) {
    let Some(broker) = broker else { return };
    if stores == Stores::Postgres && or_skip(Postgres::shared()).is_none() {
        return;
    }
    let services = Services::two(&broker, stores).await;
    let orders = services.place(count, "flow").await;
    let took = services.delivered(orders.len()).await;
    println!(
        "{}: {count} orders delivered {} ms after the last was placed",
        broker.name(),
        took.as_millis()
    );
    let again = services.everything_again().await;
    println!("{}: {again} messages delivered twice", broker.name());
    services.check(&orders, stores).await;
}

/// How many orders a run has: so many, or 2,000 where the seeded tests run in their longer form. Each broker of the
/// machine shares its cores with all others.
fn orders(usually: usize) -> usize {
    if std::env::var_os("WAYBILL_TEST_LONG").is_some() {
        2_000
    } else {
        usually
    }
}

#[cfg(feature = "sqs")]
#[tokio::test]
async fn orders_arrive_over_sqs() {
    flow(crate::broker::Sqs::start(), Stores::Postgres, orders(500)).await;
}

#[cfg(feature = "kafka")]
#[tokio::test]
async fn orders_arrive_over_kafka() {
    flow(
        crate::broker::Kafka::start(),
        Stores::Postgres,
        orders(1_000),
    )
    .await;
}

#[cfg(feature = "rabbitmq")]
#[tokio::test]
async fn orders_arrive_over_rabbitmq() {
    flow(
        crate::broker::RabbitMq::start(),
        Stores::Postgres,
        orders(1_000),
    )
    .await;
}

#[cfg(feature = "rabbitmq")]
#[tokio::test]
async fn orders_arrive_between_two_embedded_stores() {
    flow(
        crate::broker::RabbitMq::start(),
        Stores::Embedded,
        orders(1_000),
    )
    .await;
}

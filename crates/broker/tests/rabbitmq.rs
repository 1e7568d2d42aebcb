//! The suite on RabbitMQ, and how it shows faults of its address and of its queues.

mod bench;

use std::sync::Arc;

use async_trait::async_trait;
use waybill_broker::conformance::{Abilities, Topics, message};
use waybill_broker::message::Topic;
use waybill_broker::publisher::{Published, Publisher};
use waybill_broker::rabbitmq::{
    QueueNames, RabbitMq, RabbitMqConfig, RabbitMqPublisher, RabbitMqSubscriber,
};
use waybill_broker::subscriber::Subscriber;
use waybill_broker::wire::{RawMessage, Shape, encode};
use waybill_testkit::brokers::RabbitMqServer;
use waybill_testkit::unavailable::or_skip;

fn config(url: String, prefix: &str) -> RabbitMqConfig {
    RabbitMqConfig {
        url,
        names: QueueNames {
            prefix: prefix.into(),
            orders: Topic::Orders.rabbitmq().into(),
            stock: Topic::Stock.rabbitmq().into(),
        },
        outsiders: vec![Topic::Stock],
    }
}

struct Queues {
    config: RabbitMqConfig,
}

#[async_trait]
impl Topics for Queues {
    async fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::new(RabbitMqPublisher::new(RabbitMq::new(&self.config)))
    }

    async fn subscriber(&self) -> Arc<dyn Subscriber> {
        Arc::new(RabbitMqSubscriber::new(RabbitMq::new(&self.config)))
    }

    async fn send(&self, topic: Topic, _key: &str, message: RawMessage) {
        let rabbitmq = RabbitMq::new(&self.config);
        let sent = rabbitmq.send_raw(topic, &message.body).await;
        sent.expect("a stranger can send");
    }

    async fn dead_letters(&self, _consumer: &str, topic: Topic) -> Vec<RawMessage> {
        let rabbitmq = RabbitMq::new(&self.config);
        let found = rabbitmq.peek_dead_letters(topic).await;
        found.expect("they can be read")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite() {
    let abilities = Abilities {
        restarts: true,
        strangers: true,
        dead_letter_queue: true,
        size_limit: None,
        keeps: true,
    };
    bench::the_suite(
        "rabbitmq",
        abilities,
        RabbitMqServer::start(),
        |server, prefix| {
            let config = config(server.url(), &prefix);
            Arc::new(Queues { config })
        },
    )
    .await;
}

/// Publishes one event at this address; gives the result and what the link shows.
async fn publish_at(config: &RabbitMqConfig) -> (Published, String) {
    let rabbitmq = RabbitMq::new(config);
    let publisher = RabbitMqPublisher::new(rabbitmq.clone());
    let mut results = publisher.publish(vec![message(1, 1, 0)]).await;
    let shown = rabbitmq.link().problem().map(|problem| problem.text);
    (results.remove(0), shown.unwrap_or_default())
}

/// Publishes the events of these numbers of one order.
async fn publish(
    publisher: &RabbitMqPublisher,
    numbers: std::ops::RangeInclusive<i64>,
) -> Vec<Published> {
    let messages = numbers.map(|seq| message(1, seq, 0));
    publisher.publish(messages.collect()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_and_queues_that_were_removed() {
    let Some(server) = or_skip(RabbitMqServer::start()) else {
        return;
    };
    let rabbitmq = RabbitMq::new(&config(server.url(), ""));
    let publisher = RabbitMqPublisher::new(rabbitmq.clone());
    let confirmed = vec![Published::Confirmed; 3];
    assert_eq!(publish(&publisher, 1..=3).await, confirmed);
    rabbitmq.delete(Topic::Orders).await.expect("it is deleted");
    for returned in publish(&publisher, 1..=3).await {
        let why = "order_queue is missing; it is declared again";
        assert_eq!(returned, Published::Later(why.into()));
    }
    assert_eq!(publish(&publisher, 1..=3).await, confirmed);
    assert!(rabbitmq.link().problem().is_none());

    let dead = message(1, 1, 0);
    let subscriber = RabbitMqSubscriber::new(rabbitmq.clone());
    let copied = subscriber.dead_letter(&dead, "why");
    assert_eq!(copied.await, Ok(()));
    let found = rabbitmq.peek_dead_letters(Topic::Orders).await;
    assert_eq!(
        found.expect("it can be read"),
        [encode(&dead, Shape::RabbitMq)]
    );
}

/// Prints how many events are published in a second: `WAYBILL_MEASURE=yes cargo test … speed -- --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speed_of_publishing() {
    if std::env::var_os("WAYBILL_MEASURE").is_none() {
        return;
    }
    let server = RabbitMqServer::start().expect("it is measured");
    let publisher = RabbitMqPublisher::new(RabbitMq::new(&config(server.url(), "")));
    // Two events of an order after one another, as the log has them.
    let orders = 1..=25_000;
    let messages: Vec<_> = orders
        .flat_map(|order| [message(order, 1, 200), message(order, 2, 200)])
        .collect();
    let began = std::time::Instant::now();
    for batch in messages.chunks(500) {
        let results = publisher.publish(batch.to_vec()).await;
        assert!(
            results.iter().all(|r| *r == Published::Confirmed),
            "{results:?}"
        );
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{:.0} events/s", messages.len() as f64 / seconds);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_address_and_queue_are_shown_by_name() {
    let Some(server) = or_skip(RabbitMqServer::start()) else {
        return;
    };
    let url = server.url();
    let (published, shown) = publish_at(&config(url.clone(), "")).await;
    assert_eq!((published, shown.as_str()), (Published::Confirmed, ""));
    let mut other_arguments = config(url.clone(), "");
    other_arguments.outsiders = vec![Topic::Orders];
    for (config, expected) in [
        (
            config(url.replace("guest@", "secret@"), ""),
            "ACCESS_REFUSED",
        ),
        (config(format!("{url}/nowhere"), ""), "nowhere"),
        (config("amqp://u:secret@127.0.0.1:1".into(), ""), "refused"),
        (config("secret".into(), ""), "amqp://user:password@host"),
        (
            other_arguments,
            "the queue order_queue exists with other arguments",
        ),
    ] {
        let (published, shown) = publish_at(&config).await;
        assert!(matches!(published, Published::Later(_)), "{published:?}");
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}

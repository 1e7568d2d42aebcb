//! The suite on Kafka, and what is Kafka's own.

mod bench;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_broker::conformance::{self, Abilities, Recorder, Topics};
use waybill_broker::kafka::{
    Kafka, KafkaConfig, KafkaPublisher, KafkaSubscriber, MESSAGE_BYTES, PARTITIONS,
};
use waybill_broker::link::Link;
use waybill_broker::message::Topic;
use waybill_broker::publisher::{Published, Publisher};
use waybill_broker::subscriber::Subscriber;
use waybill_broker::wire::RawMessage;
use waybill_testkit::brokers::Kafka as Server;
use waybill_testkit::brokers::kafka::{PASSWORD, USER};
use waybill_testkit::unavailable::or_skip;

fn config(brokers: String, prefix: String) -> KafkaConfig {
    KafkaConfig {
        brokers,
        prefix,
        dataref: "http://127.0.0.1:1".into(),
        partitions: PARTITIONS,
        connection: BTreeMap::new(),
    }
}

struct OfCase {
    config: KafkaConfig,
}

#[async_trait]
impl Topics for OfCase {
    async fn publisher(&self) -> Arc<dyn Publisher> {
        Arc::new(KafkaPublisher::new(Kafka::new(&self.config)))
    }

    async fn subscriber(&self) -> Arc<dyn Subscriber> {
        Arc::new(KafkaSubscriber::new(Kafka::new(&self.config)))
    }

    async fn send(&self, topic: Topic, key: &str, message: RawMessage) {
        let kafka = Kafka::new(&self.config);
        let sent = kafka.send_raw(topic, key, &message).await;
        sent.expect("a stranger can send");
    }

    async fn dead_letters(&self, _consumer: &str, _topic: Topic) -> Vec<RawMessage> {
        let kafka = Kafka::new(&self.config);
        let read = kafka.peek_dead_letters().await;
        read.expect("they can be read")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite() {
    let abilities = Abilities {
        restarts: true,
        strangers: true,
        dead_letter_queue: true,
        size_limit: Some(MESSAGE_BYTES),
        keeps: true,
    };
    bench::the_suite("kafka", abilities, Server::start(), |server, prefix| {
        let config = config(server.brokers(), prefix);
        Arc::new(OfCase { config })
    })
    .await;
}

/// Waits until the link has a problem, and gives its text.
async fn problem(link: &Link) -> String {
    let waiting = async {
        loop {
            if let Some(problem) = link.problem() {
                return problem.text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    waited.expect("a problem within 20 s")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_address_is_named_by_publisher_and_subscriber() {
    // Nothing listens there.
    let config = config("127.0.0.1:1".into(), String::new());
    let publishing = Kafka::new(&config);
    let publisher = KafkaPublisher::new(publishing.clone());
    let results = publisher.publish(conformance::chain(1, 1)).await;
    let Published::Later(why) = &results[0] else {
        panic!("{results:?}");
    };
    assert!(
        why.contains("127.0.0.1:1") && why.contains("refused"),
        "{why}"
    );
    assert_eq!(problem(&publishing.link()).await, *why);

    let subscribing = Kafka::new(&config);
    let (recorder, stop) = (Recorder::new(), CancellationToken::new());
    let subscriber = KafkaSubscriber::new(subscribing.clone());
    let token = stop.clone();
    let running = tokio::spawn(async move { subscriber.run(recorder, token).await });
    let why = problem(&subscribing.link()).await;
    assert!(
        why.contains("127.0.0.1:1") && why.contains("refused"),
        "{why}"
    );
    stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(10), running).await;
    stopped
        .expect("it stops in time")
        .expect("it does not panic");
}

/// An event that is larger than a topic takes goes without its body, also where the topic takes less than usual.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_waits_behind_the_size_of_another() {
    let Some(server) = or_skip(Server::start()) else {
        return;
    };
    let kafka = Kafka::new(&config(server.brokers(), String::new()));
    let made = kafka.make_with_limit(Topic::Orders, 20_000).await;
    made.expect("it is made");
    let publisher = KafkaPublisher::new(kafka.clone());
    // Small events that are more than the topic takes in one batch, and a large one among them.
    let mut messages = conformance::chain(20, 10);
    let large = format!("{{\"note\":\"{}\"}}", "x".repeat(100_000));
    messages[1].event.event.body = large.into();
    let mut tries = 0;
    let confirmed = async {
        loop {
            tries += 1;
            let results = publisher.publish(messages.clone()).await;
            if results.iter().all(|r| *r == Published::Confirmed) {
                break;
            }
        }
    };
    let confirmed = tokio::time::timeout(Duration::from_secs(60), confirmed).await;
    confirmed.expect("they go out");
    assert!(tries <= 2, "the limit is read after {tries} tries");
    assert!(kafka.link().problem().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_named_and_the_right_one_works() {
    let Some(server) = or_skip(Server::start()) else {
        return;
    };
    let mut config = config(server.brokers_with_password(), String::new());
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", USER),
        ("sasl.password", "wrong"),
    ];
    config.connection = settings
        .map(|(name, value)| (name.into(), value.into()))
        .into();
    let kafka = Kafka::new(&config);
    let results = KafkaPublisher::new(kafka.clone())
        .publish(conformance::chain(1, 1))
        .await;
    assert!(matches!(results[..], [Published::Later(_)]), "{results:?}");
    let why = problem(&kafka.link()).await;
    assert!(why.contains("uthentication"), "{why}");

    config
        .connection
        .insert("sasl.password".into(), PASSWORD.into());
    let kafka = Kafka::new(&config);
    let publisher = KafkaPublisher::new(kafka.clone());
    let results = publisher.publish(conformance::chain(1, 1)).await;
    assert_eq!(results, [Published::Confirmed]);
    assert!(kafka.link().problem().is_none());
}

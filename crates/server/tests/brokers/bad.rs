//! Messages that no publisher of ours writes, over a real broker: each is kept with its reason, in the store and beside
//! the queue, and stops no other order.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use uuid::Uuid;
use waybill_broker::kafka::{Kafka, KafkaConfig, PARTITIONS};
use waybill_broker::message::Topic;
use waybill_broker::wire::RawMessage;
use waybill_testkit::http::Client;
use waybill_testkit::server::Waybill;

use crate::broker::{self, Broker};
use crate::services::{HANGS, LOOK_AGAIN, Services, Stores, all, delivery_client};

/// What a service logs when the broker did not take the copy of a dead letter.
const COPY_IS_MISSING: &str = "could not be copied to the broker";

/// Kafka, for services that take one tenant's events.
struct OneTenant(broker::Kafka);

impl Broker for OneTenant {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = self.0.environment();
        environment.push(("WAYBILL_INBOX__TENANTS", "default".into()));
        // An event that fails is a dead letter after its first retry.
        environment.push(("RETRY_MAX_ATTEMPTS", "1".into()));
        environment.push(("RETRY_BASE_DELAY", "10".into()));
        environment
    }

    fn pid(&self) -> i32 {
        self.0.pid()
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    fn start_again(&mut self) {
        self.0.start_again();
    }
}

/// A connection of the test itself to the same broker.
fn kafka(broker: &OneTenant) -> std::sync::Arc<Kafka> {
    let environment: BTreeMap<_, _> = broker.environment().into_iter().collect();
    Kafka::new(&KafkaConfig {
        brokers: environment["KAFKA_BROKERS"].clone(),
        prefix: environment["WAYBILL_BROKER__PREFIX"].clone(),
        dataref: String::new(),
        partitions: PARTITIONS,
        connection: BTreeMap::new(),
    })
}

/// The first event of an order of a store that is unknown here.
fn first_event(order: Uuid) -> RawMessage {
    let attributes = [
        ("specversion", "1.0".to_owned()),
        (
            "id",
            Uuid::from_u128(order.as_u128() + (1 << 100)).to_string(),
        ),
        ("source", "/waybill/elsewhere/g1".into()),
        ("type", "order.note_added".into()),
        ("time", "2026-05-04T10:00:00Z".into()),
        ("recordedtime", "2026-05-04T10:00:00Z".into()),
        ("subject", order.to_string()),
        ("aggregate", format!("order/{order}")),
        ("sequence", "1".into()),
        ("schemaversion", "1".into()),
        ("actor", "client:elsewhere".into()),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
    RawMessage {
        attributes: attributes.into(),
        body: br#"{"data":{"status":"confirmed"}}"#.to_vec(),
    }
}

/// An order of the other store.
fn order(n: u128) -> Uuid {
    Uuid::from_u128((0x0198_0000_0000_7000_8000_0000_0000_0000) + n)
}

/// A message that can be read, of an event that can never be applied: it says nothing of the order's lines.
fn without_effect() -> RawMessage {
    let mut raw = first_event(order(6));
    raw.attributes
        .insert("type".into(), "order.confirmed".into());
    raw.body = br#"{"data":{}}"#.to_vec();
    raw
}

/// Each fault that makes a message unreadable, and what its reason says.
fn faults() -> Vec<(RawMessage, &'static str)> {
    let with = |n: u128, name: &str, value: &str| {
        let mut raw = first_event(order(n));
        raw.attributes.insert(name.into(), value.into());
        raw
    };
    let mut torn = first_event(order(5));
    torn.body.truncate(9);
    vec![
        (
            RawMessage {
                attributes: BTreeMap::new(),
                body: b"hello".to_vec(),
            },
            "no CloudEvent",
        ),
        (with(2, "type", "order.teleported"), "order.teleported"),
        (with(3, "schemaversion", "99"), "schema version 99"),
        (with(4, "tenant", "stranger"), "inbox.tenants"),
        (torn, "damaged"),
        // A text column of PostgreSQL takes no NUL.
        (with(7, "type", "order.\0"), "order.\\0"),
    ]
}

async fn letters(client: &mut Client, count: usize) -> Vec<Value> {
    let listed = async {
        loop {
            let letters = all(client, "/v1/dead-letters").await;
            if letters.len() == count {
                return letters;
            }
            sleep(LOOK_AGAIN).await;
        }
    };
    timeout(HANGS, listed).await.expect("they are listed")
}

/// The copies beside the queue, once each dead letter has one or the service has said that its copy is missing: a copy
/// that the broker does not confirm in time is told and not made up for.
async fn copies(kafka: &Kafka, service: &Waybill, count: usize) -> Vec<RawMessage> {
    let told = || service.output().matches(COPY_IS_MISSING).count();
    let settled = async {
        loop {
            // Read first: a copy that was told missing may still arrive later.
            let missing = told();
            let copies = kafka.peek_dead_letters().await;
            let copies = copies.expect("they can be read");
            if copies.len() + missing >= count {
                return copies;
            }
            sleep(LOOK_AGAIN).await;
        }
    };
    let copies = timeout(HANGS, settled).await;
    let copies = copies.expect("a copy of each is beside the queue, or told missing");
    assert!(copies.len() <= count, "{copies:?}");
    copies
}

async fn act(client: &mut Client, letter: &Value, action: &str) {
    let id = letter["id"].as_str().expect("an id");
    let path = format!("/v1/dead-letters/{id}/{action}");
    let done = client.send(Method::POST, &path, &[], bytes::Bytes::new());
    let done = done.await.expect("an answer");
    assert!(done.status.is_success(), "{}", done.text());
}

#[tokio::test]
async fn bad_messages_are_kept_with_a_reason_and_stop_nothing() {
    let Some(broker) = broker::Kafka::start() else {
        return;
    };
    let broker = OneTenant(broker);
    let services = Services::two(&broker, Stores::Postgres).await;
    let mut orders = services.place(1, "before").await;
    services.delivered(1).await;

    let elsewhere = kafka(&broker);
    let faults = faults();
    let dead = without_effect();
    for raw in faults.iter().map(|(raw, _)| raw).chain([&dead]) {
        let key = raw.attribute("subject").unwrap_or("no-key");
        let sent = elsewhere.send_raw(Topic::Orders, key, raw).await;
        sent.expect("the broker takes it");
    }
    orders.extend(services.place(50, "after").await);
    services.delivered(orders.len()).await;

    let mut client = delivery_client(&services.delivery[0]);
    let count = faults.len() + 1;
    let kept = letters(&mut client, count).await;
    for (_, reason) in &faults {
        let of_it = kept.iter().filter(|letter| {
            letter["reason"] == "unreadable"
                && letter["error"]
                    .as_str()
                    .is_some_and(|error| error.contains(reason))
        });
        assert_eq!(of_it.count(), 1, "{reason}: {kept:?}");
    }
    let copies = copies(&elsewhere, &services.delivery[0], count).await;
    assert!(!copies.is_empty(), "no copy arrived at all");
    let of_dead = |copy: &&RawMessage| copy.attribute("id") == dead.attribute("id");
    if let Some(copy) = copies.iter().find(of_dead) {
        assert_eq!(copy.attribute("source"), dead.attribute("source"));
    }

    // A redrive finds it as bad as before; a discard ends it.
    act(&mut client, &kept[0], "redrive").await;
    letters(&mut client, count).await;
    for letter in &kept {
        act(&mut client, letter, "discard").await;
    }
    letters(&mut client, 0).await;
    services.check(&orders, Stores::Postgres).await;
}

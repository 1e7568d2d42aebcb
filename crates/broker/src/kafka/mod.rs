//! Apache Kafka. The record's key is the message's key, so that events of one order stay in one partition, in order; the
//! partition is chosen as Kafka's own client chooses it, so that others who write the same key choose the same.
//!
//! **Invariants.** A publisher whose record failed withdraws all that wait behind it (`producer`), so that none of
//! them overtakes it. A subscriber stores the offset of what is settled and of nothing else (`lane`).
//!
//! The number of partitions of a topic that has messages never changes: it would move keys to other partitions, past
//! their earlier messages. Topics that are missing are made.
//!
//! Sources: the documentation of librdkafka (CONFIGURATION.md, "Message reliability"), and the Kafka protocol binding
//! of CloudEvents 1.0.

#[cfg(feature = "conformance")]
mod bench;
mod blocking;
mod current_producer;
mod group;
mod headers;
mod health;
mod lane;
mod producer;
mod publisher;
mod subscriber;
mod topics;

use self::health::Health;
use self::producer::Producer;
use crate::link::Link;
use crate::message::Topic;
use parking_lot::Mutex;
use rdkafka::ClientConfig;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

pub use publisher::{KafkaPublisher, MESSAGE_BYTES};
pub use subscriber::KafkaSubscriber;
pub use topics::PARTITIONS;

/// The topic of dead letters.
const DEAD_LETTERS: &str = "dead-letter-queue";

/// Where Kafka is, and how it is used.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// Some of its brokers, as `host:9092,other:9092`.
    pub brokers: String,
    /// What the names of all topics and groups begin with; usually nothing.
    pub prefix: String,
    /// The address of this service's `/v1`, for events that are too large for a message. Empty: such events cannot be
    /// sent.
    pub dataref: String,
    /// Partitions of a topic that is made; usually [`PARTITIONS`].
    pub partitions: u16,
    /// Settings of librdkafka for the way to the brokers, as `security.protocol` and `sasl.username`.
    pub connection: BTreeMap<String, String>,
}

/// A connection to Kafka.
pub struct Kafka {
    config: KafkaConfig,
    health: Arc<Health>,
    producer: Mutex<Option<Arc<Producer>>>,
    /// The topics that are there.
    known: Mutex<HashSet<String>>,
    /// Bytes that a batch of records may have in a topic, where that is known.
    message_limits: Mutex<HashMap<String, usize>>,
}

impl Kafka {
    /// Connects when it is first used.
    #[must_use]
    pub fn new(config: &KafkaConfig) -> Arc<Self> {
        let link = Arc::new(Link::new("kafka", &config.brokers));
        Arc::new(Self {
            config: config.clone(),
            health: Arc::new(Health::new(link)),
            producer: Mutex::default(),
            known: Mutex::default(),
            message_limits: Mutex::default(),
        })
    }

    /// Whether it can be reached.
    #[must_use]
    pub fn link(&self) -> Arc<Link> {
        self.health.link.clone()
    }

    fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.config.prefix, topic.kafka())
    }

    fn dead_letters(&self) -> String {
        format!("{}{DEAD_LETTERS}", self.config.prefix)
    }

    fn group(&self, consumer: &str) -> String {
        format!("{}waybill-{consumer}", self.config.prefix)
    }

    /// What every client has in common.
    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.config.brokers)
            .set("client.id", "waybill")
            .set("socket.keepalive.enable", "true")
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("reconnect.backoff.max.ms", "1000")
            // Finds out that a broker moved a partition, or that a topic was made, without a failed request.
            .set("topic.metadata.refresh.interval.ms", "30000");
        for (name, value) in &self.config.connection {
            client.set(name, value);
        }
        client
    }
}

//! RabbitMQ. Each topic has one quorum queue with a single active consumer, so its messages are read in the order in
//! which they were stored; a dead-letter queue stands beside it.
//!
//! Invariant: a message is confirmed only when the broker acknowledged it without returning it. RabbitMQ acknowledges
//! unroutable messages too, after it returned them.
//!
//! The next message of a key is sent only after the one before it was confirmed: a queue that is full refuses single
//! messages of a batch, so that a later one could get in before an earlier one. Connections are opened again here and
//! not by the client library, because what was in flight must then be published and read again.
//!
//! Sources: RabbitMQ documentation, "Consumer Acknowledgements and Publisher Confirms", "Quorum Queues", "Single Active
//! Consumer".

mod address;
#[cfg(feature = "conformance")]
mod bench;
mod connection;
mod error;
mod lane;
mod properties;
mod publisher;
mod queues;
mod subscriber;

use self::address::Address;
use self::error::RabbitMqError;
use self::lane::Lane;
use self::queues::Queues;
use crate::link::Link;
use crate::message::Topic;
use std::sync::Arc;

pub use publisher::RabbitMqPublisher;
pub use queues::QueueNames;
pub use subscriber::RabbitMqSubscriber;

/// Where RabbitMQ is, and how it is used.
#[derive(Clone)]
pub struct RabbitMqConfig {
    /// `amqp://user:password@host:port/vhost`; without a path the vhost is `/`. `amqps` is refused.
    pub url: String,
    pub names: QueueNames,
    /// Topics that no consumer of this installation reads at the broker. Their queues drop the oldest messages when
    /// they are full; all others refuse new ones. Every process of an installation must name the same.
    pub outsiders: Vec<Topic>,
}

/// A RabbitMQ.
pub struct RabbitMq {
    address: Result<Address, RabbitMqError>,
    queues: Queues,
    link: Arc<Link>,
    lane: Lane,
}

impl RabbitMq {
    /// Connects when it is first used. An address that cannot be used shows in the link then.
    #[must_use]
    pub fn new(config: &RabbitMqConfig) -> Arc<Self> {
        let address = Address::parse(&config.url);
        let shown = match &address {
            Ok(address) => address.to_string(),
            Err(_) => "an address that cannot be used".into(),
        };
        Arc::new(Self {
            address,
            queues: Queues::new(&config.names, &config.outsiders),
            link: Arc::new(Link::new("rabbitmq", shown)),
            lane: Lane::default(),
        })
    }

    /// Whether it can be reached.
    #[must_use]
    pub fn link(&self) -> Arc<Link> {
        self.link.clone()
    }
}

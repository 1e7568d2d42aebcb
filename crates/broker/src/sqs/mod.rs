//! Amazon SQS, FIFO queues. The message group is the key, so that events of one order stay in order; the
//! deduplication id is the event's id, with a suffix when it is sent again on purpose.
//!
//! Two rules come from how SQS reports batches, entry by entry: a batch has at most one message of a group, and the
//! next message of a group is sent only after the one before it was confirmed. A queue that is missing is made.
//!
//! Sources: Amazon SQS Developer Guide, "FIFO queue delivery logic" and "Amazon SQS message quotas".

mod attributes;
#[cfg(feature = "conformance")]
mod bench;
pub mod calls;
mod config;
mod publisher;
mod queues;
mod subscriber;

use self::calls::Calls;
use self::queues::Queues;
use crate::link::Link;
use std::sync::Arc;

pub use config::SqsConfig;
pub use publisher::{MESSAGE_BYTES, SqsPublisher};
pub use subscriber::SqsSubscriber;

/// A connection to SQS.
pub struct Sqs {
    calls: Calls,
    queues: Queues,
    link: Arc<Link>,
    dataref: String,
}

impl Sqs {
    /// Connects when it is first used.
    #[must_use]
    pub fn new(config: &SqsConfig) -> Arc<Self> {
        let address = if config.endpoint.is_empty() {
            format!("region {}", config.region)
        } else {
            config.endpoint.clone()
        };
        let calls = Calls::new(config);
        Arc::new(Self {
            queues: Queues::new(calls.clone(), &config.prefix),
            calls,
            link: Arc::new(Link::new("sqs", address)),
            dataref: config.dataref.clone(),
        })
    }

    /// Whether it can be reached.
    #[must_use]
    pub fn link(&self) -> Arc<Link> {
        self.link.clone()
    }
}

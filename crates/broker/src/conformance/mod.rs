//! One suite for every way that messages travel: what a broker promises to the relay and to the inbox, tried.
//!
//! A driver's tests implement [`Bench`] and call [`run`]. What a broker cannot do by its nature stands in its
//! [`Abilities`]; the cases that need it are then left out, and the list is printed.

mod cases;
mod events;
mod recorder;
mod run;

pub use events::{chain, message};
pub use recorder::Recorder;
pub use run::{Report, run};

use crate::message::Topic;
use crate::publisher::Publisher;
use crate::subscriber::Subscriber;
use crate::wire::RawMessage;
use async_trait::async_trait;
use std::sync::Arc;

/// A broker on the bench.
#[async_trait]
pub trait Bench: Send + Sync {
    /// Its name in the report.
    fn name(&self) -> &'static str;

    fn abilities(&self) -> Abilities;

    /// Begins a case: topics and queues that no case before used.
    async fn fresh(&self) -> Arc<dyn Topics>;

    /// Stops the broker; what it confirmed stays. Only with [`Abilities::restarts`].
    async fn stop(&self);

    /// Starts it again at the same address.
    async fn start(&self);
}

/// Topics of one case, and ways to them.
#[async_trait]
pub trait Topics: Send + Sync {
    /// A publisher as a process of its own would have one.
    async fn publisher(&self) -> Arc<dyn Publisher>;

    /// A subscriber as a process of its own would have one.
    async fn subscriber(&self) -> Arc<dyn Subscriber>;

    /// Sends a message that no publisher of ours wrote. Only with [`Abilities::strangers`].
    async fn send(&self, topic: Topic, key: &str, message: RawMessage);

    /// The messages in the dead-letter queue beside the topic's queue of a consumer. Only with
    /// [`Abilities::dead_letter_queue`].
    async fn dead_letters(&self, consumer: &str, topic: Topic) -> Vec<RawMessage>;
}

/// What a broker can do.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// It is a process of its own, which can be stopped and started again.
    pub restarts: bool,
    /// Others than this system send to it.
    pub strangers: bool,
    /// It has a dead-letter queue.
    pub dead_letter_queue: bool,
    /// Bytes that a message may have; `None` when there is no limit.
    pub size_limit: Option<usize>,
    /// It keeps what nobody reads yet.
    pub keeps: bool,
}

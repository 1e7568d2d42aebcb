//! How the messages of other stores come in.

use crate::message::Message;
use crate::receiver::Receiver;
use async_trait::async_trait;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Reads one broker.
#[async_trait]
pub trait Subscriber: Send + Sync + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Hands the messages of the receiver's topics to it until `stop` is cancelled, and acknowledges a message only
    /// after it was taken ([`crate::handover`]). Messages of one key are handed over in the order in which they were
    /// published, one after another, also when several processes run this for the same consumer. When the broker is
    /// away it connects again by itself, and says so in the broker's [`crate::link::Link`].
    ///
    /// After `stop` it finishes what it has handed over and returns; what it has not acknowledged comes again.
    async fn run(&self, receiver: Arc<dyn Receiver>, stop: CancellationToken);

    /// Puts a copy of a message that was taken into the dead-letter queue beside its topic's queue. The store has the
    /// message: the copy is for people who watch the broker.
    ///
    /// # Errors
    /// The broker could not take it, within some seconds. The text says why.
    async fn dead_letter(&self, message: &Message, why: &str) -> Result<(), String>;
}

//! How events are published to other stores.

use crate::message::Message;
use async_trait::async_trait;
use std::collections::HashSet;

/// The result of publishing one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// The broker has the message, durably by its own measure.
    Confirmed,
    /// Nothing is wrong with the event; the broker cannot take it now, or may have taken it without an answer. The
    /// text says why.
    Later(String),
    /// The broker will never take this event. The text says why.
    Impossible(String),
}

/// Publishes to one broker.
#[async_trait]
pub trait Publisher: Send + Sync + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Publishes messages of one source and returns one result for each, in order. Messages with one key become visible
    /// in the order given: a message is `Confirmed` only if all before it with its key are. Calls run at the same time
    /// have no key in common.
    async fn publish(&self, messages: Vec<Message>) -> Vec<Published>;
}

/// Withdraws the confirmation of messages after one of their key that was not confirmed: a publisher that sends several at
/// once may get a later one through while the one before it failed.
pub fn hold_back(messages: &[Message], results: &mut [Published]) {
    let mut held = HashSet::new();
    for (message, result) in messages.iter().zip(results) {
        let key = message.key();
        if *result != Published::Confirmed {
            held.insert(key);
        } else if held.contains(&key) {
            *result = Published::Later("it waits for a message before it".into());
        }
    }
}

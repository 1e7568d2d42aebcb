//! What takes the messages of other stores: a consumer's inbox.

use crate::message::{Message, Topic};
use crate::wire::Unreadable;
use async_trait::async_trait;

/// The result of handing over one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The receiver's store has it durably, as an effect, as a duplicate or as an event that waits.
    Taken,
    /// It cannot be taken now. The text says why.
    Later(String),
}

/// The body of an event.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;

/// Why the body of an event cannot be had. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFetched {
    /// Another try may help.
    #[error("{0}")]
    Later(String),
    /// Only a person can help.
    #[error("{0}")]
    Never(String),
}

/// One consumer of another store's events.
#[async_trait]
pub trait Receiver: Send + Sync + 'static {
    /// Its name. Processes with the same name share the work; a broker keeps a place for each name.
    fn consumer(&self) -> &'static str;

    /// The topics whose messages it wants.
    fn topics(&self) -> &'static [Topic];

    /// Takes messages and returns one result for each, in order: a message is `Taken` only if all before it with its
    /// key are. A message may come again, with others around it, until it was `Taken`, and also after that.
    async fn receive(&self, messages: Vec<Message>) -> Vec<Received>;

    /// Why it wants nothing of a message that can be read, as one of a tenant that it does not serve; `None` when it
    /// takes it.
    fn refuses(&self, _message: &Message) -> Option<String> {
        None
    }

    /// Keeps a message that cannot be read, so that it can be looked at, redriven and discarded. `Taken` once it is
    /// durable.
    async fn keep_unreadable(&self, unreadable: Unreadable) -> Received;

    /// The body of an event that was too large for the broker, from the address that its message has instead.
    ///
    /// # Errors
    /// It cannot be had.
    async fn fetch(&self, message: &Message, dataref: &str) -> Result<JsonObject, NotFetched>;
}

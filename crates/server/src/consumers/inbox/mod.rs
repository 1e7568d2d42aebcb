//! Events of other stores, taken for one consumer: decided as the consumer decides the events of its own log, and
//! written together with the watermarks that say that they were taken.
//!
//! Invariant: an event is taken once, in the order of its aggregate. The watermark is the guard: there is no cursor and
//! no lease, so any number of processes may take events at once, and of those that take the same one, one succeeds. An
//! event that is not the next one waits in the store, and is taken in the transaction that takes the missing one.

mod arrivals;
mod content;
mod dead_letters;
#[cfg(feature = "planted-defects")]
mod defects;
mod held;
mod large_events;
mod retrying;
mod rounds;
mod taking;
#[cfg(test)]
mod tests;
mod unreadable;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;
use waybill_broker::message::{Message, Source, Topic};
use waybill_broker::receiver::{JsonObject, NotFetched, Received, Receiver};
use waybill_broker::subscriber::Subscriber;
use waybill_broker::wire::Unreadable;
use waybill_domain::text::Tenant;
use waybill_store::outage::Outage;
use waybill_store::{EffectStore, Error as StoreError, InboxStore};

use super::handler::Handler;
use super::resources::ConsumerResources;
use rounds::Rounds;

pub use content::{Described, described};
pub use large_events::EventSource;
pub use retrying::RetryingInbox;

/// What identifies an inbox, and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct InboxName {
    /// The consumer under whose name watermarks, parked events and messages that wait are kept.
    pub consumer: &'static str,
    pub topics: &'static [Topic],
}

/// Takes the messages of other stores for one handler.
pub struct Inbox<H: Handler> {
    name: InboxName,
    resources: ConsumerResources,
    sources: Arc<dyn InboxStore>,
    store: Arc<dyn EffectStore<H::Effect>>,
    handler: Arc<H>,
    /// The tenants whose messages it takes; all, when it is empty.
    tenants: Vec<String>,
    rounds: Rounds,
    /// The broker whose messages these are, which gets copies of dead letters.
    subscriber: Option<Arc<dyn Subscriber>>,
    /// A source whose new generation waits for an operator.
    stopped: Outage,
    /// As many messages wait as may.
    full: Outage,
}

impl<H: Handler> Inbox<H> {
    /// An inbox that writes what the handler decides.
    pub fn new(
        name: InboxName,
        resources: &ConsumerResources,
        sources: Arc<dyn InboxStore>,
        store: Arc<dyn EffectStore<H::Effect>>,
        handler: Arc<H>,
    ) -> Self {
        Self {
            name,
            resources: resources.clone(),
            sources,
            store,
            handler,
            tenants: vec![],
            rounds: Rounds::default(),
            subscriber: None,
            stopped: Outage::new(name.consumer, "events of another store are not taken"),
            full: Outage::new(
                name.consumer,
                "no more messages of another store can wait here",
            ),
        }
    }

    /// The same inbox for some tenants; for all, when there are none.
    #[must_use]
    pub fn of_tenants(mut self, tenants: &[String]) -> Self {
        self.tenants = tenants.to_vec();
        self
    }

    /// The same inbox with a copy of each of its dead letters at this broker.
    #[must_use]
    pub fn copying_dead_letters_to(mut self, subscriber: Option<Arc<dyn Subscriber>>) -> Self {
        self.subscriber = subscriber;
        self
    }

    /// Takes messages of any sources. Those that this store sent itself are dropped: their consumers read the log.
    async fn take_of_any(&self, messages: Vec<Message>) -> Vec<Received> {
        let mut rest = messages.into_iter().peekable();
        let mut results = vec![];
        while let Some(first) = rest.next() {
            let source = first.source.clone();
            let mut run = vec![first];
            while let Some(next) = rest.next_if(|next| next.source == source) {
                run.push(next);
            }
            if self.is_own(&source) {
                results.resize(results.len() + run.len(), Received::Taken);
            } else {
                results.extend(self.take(&source, &run).await);
            }
        }
        results
    }

    fn serves(&self, tenant: &Tenant) -> bool {
        self.tenants.is_empty() || self.tenants.iter().any(|name| name == tenant.as_str())
    }

    /// The source and the number of its generation, or why nothing of it is taken.
    async fn known(&self, source: &Source) -> Result<Result<KnownSource, String>, StoreError> {
        let Source {
            store_id,
            generation,
        } = source;
        let known = self
            .sources
            .inbox_source(self.name.consumer, store_id, generation)
            .await?;
        let Some(number) = known.generation else {
            let why = format!(
                "store {store_id} goes on under a new generation ({generation}), as after a restore: look at both stores, then run waybill inbox adopt {store_id} {generation}"
            );
            self.stopped.failed(&StoreError::unavailable(why.clone()));
            return Ok(Err(why));
        };
        self.stopped.worked();
        Ok(Ok(KnownSource {
            id: known.id,
            generation: number,
        }))
    }

    /// Whether this store has sent the message itself.
    fn is_own(&self, source: &Source) -> bool {
        source.store_id == self.resources.log.identity().store_id
    }
}

/// A source whose generation is adopted.
#[derive(Clone, Copy, Debug)]
struct KnownSource {
    /// [`waybill_store::InboxSource::id`].
    id: i32,
    generation: i64,
}

#[async_trait]
impl<H: Handler> Receiver for Inbox<H> {
    fn consumer(&self) -> &'static str {
        self.name.consumer
    }

    fn topics(&self) -> &'static [Topic] {
        self.name.topics
    }

    async fn receive(&self, messages: Vec<Message>) -> Vec<Received> {
        self.rounds
            .take(messages, |messages| self.take_of_any(messages))
            .await
    }

    fn refuses(&self, message: &Message) -> Option<String> {
        let tenant = &message.event.event.tenant;
        (!self.serves(tenant))
            .then(|| format!("tenant {tenant} is not in the setting inbox.tenants"))
    }

    async fn keep_unreadable(&self, unreadable: Unreadable) -> Received {
        let kept = self.keep(unreadable).await;
        kept.unwrap_or_else(|error| Received::Later(error.to_string()))
    }

    async fn fetch(&self, message: &Message, dataref: &str) -> Result<JsonObject, NotFetched> {
        if self.is_own(&message.source) || !self.wants(message) {
            // Such an event is dropped, or only moves the watermark.
            return Ok(JsonObject::new());
        }
        large_events::body(dataref, &self.resources.event_source).await
    }
}

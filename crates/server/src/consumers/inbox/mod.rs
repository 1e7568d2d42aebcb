//! Events of other stores, taken for one consumer: decided as the consumer decides the events of its own log, and
//! written together with the watermarks that say that they were taken.
//!
//! Invariant: an event is taken once, in the order of its aggregate. The watermark is the guard: there is no cursor and
//! no lease, so any number of processes may take events at once, and of those that take the same one, one succeeds. An
//! event that is not the next one waits in the store, and is taken in the transaction that takes the missing one.

mod arrivals;
mod content;
#[cfg(feature = "planted-defects")]
mod defects;
mod held;
mod large;
mod retrying;
mod taking;
#[cfg(test)]
mod tests;
mod unreadable;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;
use waybill_broker::message::{Message, Source, Topic};
use waybill_broker::receiver::{Received, Receiver};
use waybill_broker::wire::{RawMessage, Unreadable, name};
use waybill_domain::event::EventKind;
use waybill_domain::text::Tenant;
use waybill_store::outage::Outage;
use waybill_store::{EffectStore, Error as StoreError, InboxStore};

use super::handler::Handler;
use super::resources::ConsumerResources;

pub use content::{Described, described};
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

    /// Takes messages of any sources. Those that this store sent itself are dropped: their consumers read the log.
    async fn receive(&self, messages: Vec<Message>) -> Vec<Received> {
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

    fn refuses(&self, message: &Message) -> Option<String> {
        let tenant = &message.event.event.tenant;
        (!self.serves(tenant))
            .then(|| format!("tenant {tenant} is not in the setting inbox.tenants"))
    }

    async fn keep_unreadable(&self, unreadable: Unreadable) -> Received {
        let kept = self.keep(unreadable).await;
        kept.unwrap_or_else(|error| Received::Later(error.to_string()))
    }

    async fn fetch(&self, message: &RawMessage, dataref: &str) -> Result<String, String> {
        let kind = message.attribute(name::TYPE).and_then(EventKind::parse);
        let is_wanted = kind.is_none_or(|kind| self.handler.kinds().contains(&kind));
        if is_wanted {
            large::body(dataref, &self.resources.outside_token).await
        } else {
            // Such an event only moves the watermark.
            Ok("{}".into())
        }
    }
}

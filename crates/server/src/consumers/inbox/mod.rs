//! Events of other stores, taken for one consumer: decided as the consumer decides the events of its own log, and
//! written together with the watermarks that say that they were taken.
//!
//! Invariant: an event is taken once, in the order of its aggregate. The watermark is the guard: there is no cursor and
//! no lease, so any number of processes may take events at once, and of those that take the same one, one succeeds.

mod arrivals;
mod large;
mod retrying;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use waybill_broker::message::{Message, Source, Topic};
use waybill_broker::receiver::{Received, Receiver};
use waybill_broker::wire::{RawMessage, Unreadable, name};
use waybill_domain::content::Personal;
use waybill_domain::event::{Aggregate, EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::partition_of;
use waybill_store::outage::Outage;
use waybill_store::{
    Advance, EffectStore, Error as StoreError, InboxBatch, InboxStore, Known, NewParked, caught,
};

use self::arrivals::{Arrivals, Fresh};
use super::handler::Handler;
use super::newly_parked::{first_failure, log_parked};
use super::outcomes::Outcomes;
use super::resources::ConsumerResources;

pub use retrying::RetryingInbox;

/// How often a batch is decided again because another process was first.
const TRIES: usize = 5;

/// What identifies an inbox, and what it takes.
#[derive(Clone, Copy, Debug)]
pub struct InboxName {
    /// The consumer under whose name watermarks and parked events are kept.
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
    /// A source whose new generation waits for an operator.
    stopped: Outage,
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
            stopped: Outage::new(name.consumer, "events of another store are not taken"),
        }
    }

    /// Takes messages of one source. When the store refuses them because of their content, they are taken one by one,
    /// and the one at fault is parked.
    async fn take(&self, source: &Source, messages: &[Message]) -> Vec<Received> {
        match self.take_together(source, messages, None).await {
            Err(error) if error.is_poison() => {
                let mut results = vec![];
                for message in messages {
                    results.push(self.take_alone(source, message).await);
                }
                results
            }
            taken => taken.unwrap_or_else(|error| later(messages, &error.to_string())),
        }
    }

    async fn take_alone(&self, source: &Source, message: &Message) -> Received {
        let one = std::slice::from_ref(message);
        let taken = match self.take_together(source, one, None).await {
            Err(error) if error.is_poison() => {
                let why = error.to_string();
                self.take_together(source, one, Some(&why)).await
            }
            taken => taken,
        };
        let taken = taken.unwrap_or_else(|error| later(one, &error.to_string()));
        let unanswered = || Received::Later("the message got no result".into());
        taken.into_iter().next().unwrap_or_else(unanswered)
    }

    /// Takes messages, again while other processes are first. With `refused` they are parked for that reason instead of
    /// being decided.
    async fn take_together(
        &self,
        source: &Source,
        messages: &[Message],
        refused: Option<&str>,
    ) -> Result<Vec<Received>, StoreError> {
        let mut tries = 1;
        loop {
            match self.try_take(source, messages, refused).await {
                Err(StoreError::Conflict { .. }) if tries < TRIES => tries += 1,
                taken => return taken,
            }
        }
    }

    async fn try_take(
        &self,
        source: &Source,
        messages: &[Message],
        refused: Option<&str>,
    ) -> Result<Vec<Received>, StoreError> {
        let consumer = self.name.consumer;
        let Source {
            store_id,
            generation,
        } = source;
        let known = self
            .sources
            .inbox_source(consumer, store_id, generation)
            .await?;
        let Some(number) = known.generation else {
            let why = format!(
                "store {store_id} goes on under a new generation ({generation}), as after a restore: look at both stores, then run waybill inbox adopt {store_id} {generation}"
            );
            self.stopped.failed(&StoreError::unavailable(why.clone()));
            return Ok(later(messages, &why));
        };
        self.stopped.worked();
        let aggregates: BTreeSet<Aggregate> =
            messages.iter().map(|m| m.event.event.aggregate).collect();
        let aggregates = aggregates.into_iter().collect();
        let seen = self.sources.watermarks(known.id, aggregates).await?;
        let arrivals = Arrivals::sort(messages, number, seen);
        for group in self.groups(&arrivals.fresh, refused).await? {
            self.write(known.id, group, refused).await?;
        }
        Ok(arrivals.results)
    }

    /// Whether the handler decides on a message. Other messages only move the watermark.
    fn wants(&self, message: &Message) -> bool {
        !message.filler && self.handler.kinds().contains(&message.event.event.kind)
    }

    /// Fresh events by the partition of their orders' rows: a transaction appends to one partition of the log. Orders
    /// whose events only move watermarks go with the first of the others.
    async fn groups(
        &self,
        fresh: &[Fresh<'_>],
        refused: Option<&str>,
    ) -> Result<Vec<Group<H>>, StoreError> {
        let is_decided = |fresh: &Fresh<'_>| refused.is_some() || self.wants(fresh.message);
        let decided = fresh.iter().filter(|fresh| is_decided(fresh));
        let decided: Vec<LoggedEvent> = decided.map(|f| f.message.event.clone()).collect();
        let known = Arc::new(self.known(&decided).await?);
        let partitions = self.resources.log.identity().partitions;
        let mut of_order: HashMap<OrderId, u16> = HashMap::new();
        for event in &decided {
            let order = OrderId(event.event.key());
            let partition = self.handler.partition(order, &known);
            let partition = partition.unwrap_or_else(|| partition_of(order, partitions));
            of_order.insert(order, partition);
        }
        let first = of_order.values().min().copied().unwrap_or(0);
        let mut groups: BTreeMap<u16, Group<H>> = BTreeMap::new();
        for fresh in fresh {
            let order = OrderId(fresh.message.key());
            let partition = of_order.get(&order).copied().unwrap_or(first);
            let new = || Group::new(partition, &known);
            let group = groups.entry(partition).or_insert_with(new);
            group.advances.push(fresh.advance);
            if is_decided(fresh) {
                let personal = fresh.message.personal.clone();
                group.personal.extend(personal.map(|data| (order, data)));
                let event = fresh.message.event.clone();
                group.events.push(LoggedEvent { partition, ..event });
            }
        }
        Ok(groups.into_values().collect())
    }

    async fn known(&self, events: &[LoggedEvent]) -> Result<Known<H::Effect>, StoreError> {
        if events.is_empty() {
            return Ok(Known {
                rows: vec![],
                parked: vec![],
            });
        }
        let orders: BTreeSet<OrderId> = events.iter().map(|e| OrderId(e.event.key())).collect();
        let orders = orders.into_iter().collect();
        let parked = self.resources.log.parked_orders(self.name.consumer, orders);
        Ok(Known {
            parked: parked.await?,
            rows: self.store.load(self.handler.needs(events)).await?,
        })
    }

    async fn write(
        &self,
        source: i32,
        group: Group<H>,
        refused: Option<&str>,
    ) -> Result<(), StoreError> {
        let (schedule, now) = (&self.resources.schedule, self.resources.contexts.now());
        let outcomes = match refused {
            None => caught(|| {
                let events: Vec<&LoggedEvent> = group.events.iter().collect();
                Outcomes::decide(&*self.handler, &events, &group.known, schedule, now)
            })?,
            Some(why) => Outcomes {
                changes: vec![],
                park: group
                    .events
                    .iter()
                    .map(|event| first_failure(event, why.to_owned(), schedule, now))
                    .collect(),
            },
        };
        let park: Vec<NewParked> = outcomes.park.clone();
        let batch = InboxBatch {
            consumer: self.name.consumer.to_owned(),
            source,
            partition: group.partition,
            advances: arrivals::summed(group.advances),
            changes: outcomes.changes,
            park: outcomes.park,
            personal: group.personal,
        };
        self.store.receive(batch).await?;
        log_parked(self.name.consumer, &park);
        self.handler.applied(group.partition);
        Ok(())
    }
}

/// Events whose effects are written in one transaction.
struct Group<H: Handler> {
    partition: u16,
    known: Arc<Known<H::Effect>>,
    advances: Vec<Advance>,
    /// Those that are decided, with the partition in which their effects are recorded.
    events: Vec<LoggedEvent>,
    /// What came with these events, also with those that will be parked: the parked rows do not hold it.
    personal: Vec<(OrderId, Personal)>,
}

impl<H: Handler> Group<H> {
    fn new(partition: u16, known: &Arc<Known<H::Effect>>) -> Self {
        Self {
            partition,
            known: known.clone(),
            advances: vec![],
            events: vec![],
            personal: vec![],
        }
    }
}

fn later(messages: &[Message], why: &str) -> Vec<Received> {
    vec![Received::Later(why.to_owned()); messages.len()]
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
        let own = &self.resources.log.identity().store_id;
        let mut rest = messages.into_iter().peekable();
        let mut results = vec![];
        while let Some(first) = rest.next() {
            let source = first.source.clone();
            let mut run = vec![first];
            while let Some(next) = rest.next_if(|next| next.source == source) {
                run.push(next);
            }
            if source.store_id == *own {
                results.resize(results.len() + run.len(), Received::Taken);
            } else {
                results.extend(self.take(&source, &run).await);
            }
        }
        results
    }

    async fn keep_unreadable(&self, unreadable: Unreadable) -> Received {
        Received::Later(unreadable.fault.to_string())
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

//! What is written for messages that were sorted: a transaction for each partition of this store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::future::join_all;
use waybill_broker::message::Message;
use waybill_domain::content::Personal;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::partition;
use waybill_store::{
    Advance, Error as StoreError, HeldId, InboxBatch, Known, NewDiscard, NewHeld, NewParked, caught,
};

use super::arrivals::{Arrivals, OfAggregate};
use super::taking::Manner;
use super::{Inbox, content};
use crate::consumers::handler::Handler;
use crate::consumers::newly_parked::{first_failure, log_parked};
use crate::consumers::outcomes::Outcomes;

/// What is written in one transaction.
struct Group<H: Handler> {
    partition: u16,
    known: Arc<Known<H::Effect>>,
    advances: Vec<Advance>,
    hold: Vec<NewHeld>,
    release: Vec<HeldId>,
    discarded: Vec<NewDiscard>,
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
            hold: vec![],
            release: vec![],
            discarded: vec![],
            events: vec![],
            personal: vec![],
        }
    }

    fn add(&mut self, source: i32, of: &OfAggregate<'_>) {
        self.advances.push(of.advance);
        self.release.extend(&of.release);
        let held = of.hold.iter();
        let aggregate = of.advance.aggregate;
        self.hold
            .extend(held.map(|(at, message)| content::gap(source, aggregate, *at, message)));
    }
}

fn discarded(filler: &Message) -> NewDiscard {
    let event = &filler.event.event;
    NewDiscard {
        key: OrderId(event.key()),
        tenant: event.tenant.clone(),
        kind: event.kind.as_str(),
    }
}

impl<H: Handler> Inbox<H> {
    /// Writes what the messages change; `false` when that is nothing.
    pub(super) async fn write_all(
        &self,
        source: i32,
        arrivals: &Arrivals<'_>,
        manner: Manner<'_>,
    ) -> Result<bool, StoreError> {
        let groups = self.groups(source, arrivals, manner).await?;
        let any = !groups.is_empty();
        let writing = groups
            .into_iter()
            .map(|group| self.write(source, group, manner.refused));
        // Each is ended, also when one fails: what the others have written stays written.
        let written = join_all(writing).await;
        written.into_iter().collect::<Result<(), _>>()?;
        Ok(any)
    }

    /// Whether the handler decides on a message. Other messages only move the watermark.
    pub(super) fn wants(&self, message: &Message) -> bool {
        !message.filler && self.handler.kinds().contains(&message.event.event.kind)
    }

    /// Changes by the partition of their orders' rows: a transaction appends to one partition of the log. Orders whose
    /// events only move watermarks go with the first of the others, and those of which only events wait into the
    /// partition that the order's rows will be in.
    async fn groups(
        &self,
        source: i32,
        arrivals: &Arrivals<'_>,
        manner: Manner<'_>,
    ) -> Result<Vec<Group<H>>, StoreError> {
        let fresh = arrivals.fresh.iter();
        let decided = fresh.filter(|m| manner.refused.is_some() || self.wants(m));
        let decided: Vec<&Message> = decided.copied().collect();
        let personal = decided.iter().map(|m| m.personal.clone());
        let personal: Vec<Option<Personal>> = personal.collect();
        let decided: Vec<LoggedEvent> = decided.iter().map(|m| m.event.clone()).collect();
        let known = Arc::new(self.load(&decided).await?);
        let partitions = self.resources.log.identity().partitions;
        let mut of_order: HashMap<OrderId, u16> = HashMap::new();
        for event in &decided {
            let order = OrderId(event.event.key());
            let partition = self.handler.partition(order, &known);
            let partition = partition.unwrap_or_else(|| partition::of_order(order, partitions));
            #[cfg(feature = "planted-defects")]
            let partition = if super::defects::senders_partition() {
                event.partition
            } else {
                partition
            };
            of_order.insert(order, partition);
        }
        let first = of_order.values().min().copied().unwrap_or(0);
        let mut groups: BTreeMap<u16, Group<H>> = BTreeMap::new();
        let new = |partition| Group::new(partition, &known);
        for of in &arrivals.aggregates {
            let otherwise = if of.hold.is_empty() {
                first
            } else {
                partition::of_order(of.key, partitions)
            };
            let partition = of_order.get(&of.key).copied().unwrap_or(otherwise);
            let group = groups.entry(partition).or_insert_with(|| new(partition));
            group.add(source, of);
            group.release.extend(manner.instead_of);
            let fillers = arrivals.fresh.iter().filter(|message| {
                message.filler && message.event.event.aggregate == of.advance.aggregate
            });
            group.discarded.extend(fillers.map(|m| discarded(m)));
        }
        for (event, personal) in decided.into_iter().zip(personal) {
            let order = OrderId(event.event.key());
            let partition = of_order.get(&order).copied().unwrap_or(first);
            let group = groups.entry(partition).or_insert_with(|| new(partition));
            group.personal.extend(personal.map(|data| (order, data)));
            group.events.push(LoggedEvent { partition, ..event });
        }
        Ok(groups.into_values().collect())
    }

    async fn load(&self, events: &[LoggedEvent]) -> Result<Known<H::Effect>, StoreError> {
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
            advances: group.advances,
            hold: group.hold,
            release: group.release,
            discarded: group.discarded,
            changes: outcomes.changes,
            park: outcomes.park,
            personal: group.personal,
        };
        #[cfg(feature = "planted-defects")]
        if super::defects::watermark_apart(&batch.changes) {
            let effects = InboxBatch {
                advances: vec![],
                ..batch
            };
            self.store.receive(effects).await?;
            // The test ends the task here, as a kill would.
            return std::future::pending().await;
        }
        self.store.receive(batch).await?;
        log_parked(self.name.consumer, &park);
        self.handler.applied(group.partition);
        Ok(())
    }
}

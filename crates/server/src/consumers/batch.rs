//! One batch of events: what the handler decides, what is parked, and the new position of the cursor.

use std::collections::HashSet;
use std::sync::Arc;

use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::successive::merged;
use waybill_store::{BatchDecision, ConsumerBatch, Known, Lease};

use super::handler::Handler;
use super::outcomes::Outcomes;
use crate::context::ContextSource;

/// What all batches of a consumer on one partition have in common until its cursor moves.
pub struct NextBatch<H> {
    pub handler: Arc<H>,
    pub contexts: ContextSource,
    pub schedule: RetrySchedule,
    pub lease: Lease,
    /// The position after which events are read.
    pub cursor: i64,
    /// Where the durable cursor stands; skipped events move it lazily.
    pub durable: i64,
    pub may_be_parked: bool,
    /// The most events.
    pub limit: usize,
}

impl<H: Handler> NextBatch<H> {
    /// The batch of these events, after which the cursor is at `to`.
    pub fn of(&self, events: Arc<[LoggedEvent]>, to: i64) -> EventBatch<H> {
        EventBatch {
            handler: self.handler.clone(),
            contexts: self.contexts.clone(),
            schedule: self.schedule,
            lease: self.lease.clone(),
            from: self.durable,
            to,
            events,
            may_be_parked: self.may_be_parked,
        }
    }
}

/// Events of one partition, read past a cursor.
pub struct EventBatch<H> {
    handler: Arc<H>,
    contexts: ContextSource,
    schedule: RetrySchedule,
    lease: Lease,
    from: i64,
    to: i64,
    events: Arc<[LoggedEvent]>,
    may_be_parked: bool,
}

impl<H: Handler> BatchDecision<H::Effect> for EventBatch<H> {
    fn consumer(&self) -> &str {
        &self.lease.consumer
    }

    fn needs(&self) -> Vec<OrderId> {
        self.handler.needs(&self.events)
    }

    fn order_ids(&self) -> Vec<OrderId> {
        let events = self.events.iter();
        let orders: HashSet<OrderId> = events.map(|e| OrderId(e.event.key())).collect();
        orders.into_iter().collect()
    }

    fn may_be_parked(&self) -> bool {
        self.may_be_parked
    }

    fn decide(&self, known: &Known<H::Effect>) -> ConsumerBatch<H::Effect> {
        let events: Vec<&LoggedEvent> = self.events.iter().collect();
        let now = self.contexts.now();
        let Outcomes { changes, park } =
            Outcomes::decide(&*self.handler, &events, known, &self.schedule, now);
        ConsumerBatch {
            lease: self.lease.clone(),
            from: self.from,
            to: self.to,
            changes: merged(changes),
            park,
        }
    }
}

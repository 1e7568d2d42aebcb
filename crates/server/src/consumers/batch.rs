//! One batch of events: what the handler decides, what is parked, and the new position of the cursor.

use std::collections::HashSet;
use std::sync::Arc;

use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_store::{BatchDecision, ConsumerBatch, Known, Lease};

use super::handler::Handler;
use super::outcomes::Outcomes;
use crate::context::ContextSource;

/// Events of one partition, read past a cursor.
pub struct EventBatch<H> {
    pub handler: Arc<H>,
    pub contexts: ContextSource,
    pub schedule: RetrySchedule,
    pub lease: Lease,
    /// Where the durable cursor stands, and where it goes.
    pub from: i64,
    pub to: i64,
    pub events: Arc<[LoggedEvent]>,
    pub may_be_parked: bool,
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
            changes,
            park,
        }
    }
}

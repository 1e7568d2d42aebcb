//! One batch of events: what the handler decides, what is parked, and the new position of the cursor.

use std::collections::HashSet;
use std::sync::Arc;

use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::time::Time;
use waybill_store::{BatchDecision, ConsumerBatch, Known, Lease, NewParked};

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
        let orders: HashSet<OrderId> = self
            .events
            .iter()
            .filter_map(|e| e.event.order_id)
            .collect();
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

/// An event that waits behind a parked one of its order.
pub fn queued(event: &LoggedEvent, now: Time) -> NewParked {
    NewParked {
        event: event.clone(),
        error: None,
        next_attempt_at: now,
    }
}

/// An event that failed for the first time.
pub fn first_failure(
    event: &LoggedEvent,
    error: String,
    schedule: &RetrySchedule,
    now: Time,
) -> NewParked {
    let wait = schedule.delay_ms(1).unwrap_or(schedule.max_ms);
    NewParked {
        event: event.clone(),
        error: Some(error),
        next_attempt_at: now.plus_ms(wait),
    }
}

/// Logs the events that failed and are parked from now on. Called once, after they were written.
pub fn log_parked(consumer: &str, parked: &[NewParked]) {
    for NewParked { event, error, .. } in parked {
        let Some(error) = error else { continue };
        let order_id = event.event.order_id.map(tracing::field::display);
        tracing::warn!(
            consumer,
            event_id = %event.event.id,
            order_id,
            kind = %event.event.kind,
            error,
            "an event cannot be applied; its order is parked"
        );
    }
}

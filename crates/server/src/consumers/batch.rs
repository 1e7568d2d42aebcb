//! One batch of events: what the handler decides, what is parked, and the new position of the cursor.

use std::collections::HashSet;
use std::sync::Arc;

use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::time::Time;
use waybill_store::{BatchDecision, ConsumerBatch, Known, Lease, NewParked};

use super::handler::{EventOutcome, Handler};
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
        let now = self.contexts.now();
        let is_parked = |e: &&LoggedEvent| {
            e.event
                .order_id
                .is_some_and(|id| known.parked.contains(&id))
        };
        let (behind, free): (Vec<_>, Vec<_>) = self.events.iter().partition(is_parked);
        let mut park: Vec<NewParked> = behind.into_iter().map(|e| queued(e, now)).collect();
        let mut changes = vec![];
        let mut failed: HashSet<OrderId> = HashSet::new();
        let outcomes = self.handler.decide(&free, known);
        for (event, outcome) in free.into_iter().zip(outcomes) {
            let after_failure = event.event.order_id.is_some_and(|id| failed.contains(&id));
            match outcome {
                _ if after_failure => park.push(queued(event, now)),
                EventOutcome::Change(change) => changes.push(*change),
                EventOutcome::Nothing => {}
                EventOutcome::Failed(error) => {
                    failed.extend(event.event.order_id);
                    park.push(first_failure(event, error, &self.schedule, now));
                }
            }
        }
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
fn queued(event: &LoggedEvent, now: Time) -> NewParked {
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

//! What follows from a handler's outcomes: the changes to write, and the events to park.

use std::collections::HashSet;

use waybill_domain::change::Change;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::time::Time;
use waybill_store::{Effect, Known, NewParked};

use super::handler::{EventOutcome, Handler};
use super::newly_parked::{first_failure, queued};

/// The changes and the parked events of a batch.
pub struct Outcomes<E> {
    pub changes: Vec<Change<E>>,
    pub park: Vec<NewParked>,
}

impl<E: Effect> Outcomes<E> {
    /// Has events decided, in their order. An event that cannot be applied is parked, and so are the later events of its
    /// order, and the events of orders that are parked already; of an event without an order, those of its aggregate.
    pub fn decide<H: Handler<Effect = E>>(
        handler: &H,
        events: &[&LoggedEvent],
        known: &Known<E>,
        schedule: &RetrySchedule,
        now: Time,
    ) -> Self {
        let key = |event: &LoggedEvent| OrderId(event.event.key());
        let is_parked = |event: &&&LoggedEvent| known.parked.contains(&key(event));
        let (behind, free): (Vec<&LoggedEvent>, Vec<&LoggedEvent>) =
            events.iter().partition(is_parked);
        let mut park: Vec<NewParked> = behind.into_iter().map(|e| queued(e, now)).collect();
        let mut changes = vec![];
        let mut failed: HashSet<OrderId> = HashSet::new();
        let outcomes = handler.decide(&free, known);
        for (event, outcome) in free.into_iter().zip(outcomes) {
            let after_failure = failed.contains(&key(event));
            match outcome {
                _ if after_failure => park.push(queued(event, now)),
                EventOutcome::Change(change) => changes.push(*change),
                EventOutcome::Nothing => {}
                EventOutcome::Failed(error) => {
                    failed.insert(key(event));
                    park.push(first_failure(event, error, schedule, now));
                }
            }
        }
        Self { changes, park }
    }
}

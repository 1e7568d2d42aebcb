//! Events that are parked from now on: as they are written, and what the log says of them.

use waybill_domain::event::LoggedEvent;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::time::Time;
use waybill_store::NewParked;

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

//! Parked events: trying again, giving up, and letting an order go on.

use std::time::Duration;

use tokio::time::Instant;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, NewParked, Parked, ParkedOutcome, ParkedState};

use super::consumer::{Consumer, Handler, Outcome};

/// Parked orders looked at in one turn.
const LOOK: usize = 64;
/// The shortest wait for a parked event to be due.
const SHORTEST_LOOK: Duration = Duration::from_millis(50);
/// How often it is asked whether anything is parked at all.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Whether anything may be parked, and when to look; while nothing is, nobody need look.
pub(super) struct Watch {
    pub any: bool,
    pub look_at: Instant,
    wait: Duration,
    pub count_at: Instant,
}

impl Watch {
    pub fn unknown() -> Self {
        let now = Instant::now();
        Self {
            any: true,
            look_at: now,
            wait: SHORTEST_LOOK,
            count_at: now,
        }
    }

    /// Something may have been parked just now.
    pub fn expect(&mut self) {
        self.any = true;
        self.wait = SHORTEST_LOOK;
        self.look_at = Instant::now() + self.wait;
    }

    /// Nothing was due; the next look is later.
    pub fn nothing_due(&mut self, longest: Duration) {
        self.look_at = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(longest.max(SHORTEST_LOOK));
    }

    /// Asked whether anything is left.
    pub fn counted(&mut self, any: bool) {
        self.any = any;
        self.count_at = Instant::now() + COUNT_EVERY;
    }
}

/// Parks an event that failed for the first time.
pub fn first_failure(
    event: LoggedEvent,
    error: String,
    consumer: &str,
    schedule: &RetrySchedule,
    now: Time,
) -> NewParked {
    tracing::warn!(
        consumer,
        event_id = %event.event.id,
        order_id = ?event.event.order_id,
        kind = %event.event.kind,
        error,
        "an event cannot be applied; its order is parked"
    );
    let wait = schedule.delay_ms(1).unwrap_or(schedule.max_ms);
    NewParked {
        event,
        error: Some(error),
        next_attempt_at: now.plus_ms(wait),
    }
}

/// Tries parked events that are due or flagged; says whether there were any. While none are due, looks are up to
/// `longest` apart.
pub async fn retry<H: Handler>(
    consumer: &mut Consumer<H>,
    longest: Duration,
) -> Result<bool, StoreError> {
    let store = consumer.app.store.clone();
    let name = consumer.handler.consumer();
    let due = store
        .due_parked(name, consumer.lease.part, consumer.app.now(), LOOK)
        .await?;
    if due.is_empty() {
        // Nothing parked at all: stop looking until the next failure. Only what is parked can be flagged.
        if consumer.parked.count_at <= Instant::now() {
            consumer.parked.counted(store.stats().await?.parked > 0);
        }
        consumer.parked.nothing_due(longest);
        return Ok(false);
    }
    for parked in due {
        let Some(order) = parked.event.event.order_id else {
            continue;
        };
        let settle = async |outcome| {
            let lease = consumer.lease.clone();
            store
                .settle_parked(lease, order, parked.event.position, outcome)
                .await
        };
        let settled = match outcome(consumer, &parked).await {
            Ok(outcome) => settle(outcome).await,
            Err(error) => Err(error),
        };
        match settled {
            Err(error) if error.is_of_one_event() => {
                settle(failed_again(consumer, &parked, error.to_string())).await?;
            }
            settled => settled?,
        }
    }
    consumer.parked.expect();
    consumer.handler.applied(&consumer.app, consumer.lease.part);
    Ok(true)
}

async fn outcome<H: Handler>(
    consumer: &Consumer<H>,
    parked: &Parked,
) -> Result<ParkedOutcome, StoreError> {
    if parked.state == ParkedState::Discard {
        log(parked, "a parked event was discarded");
        return Ok(ParkedOutcome::Discarded);
    }
    let mut outcomes = consumer
        .handler
        .decide(&consumer.app, std::slice::from_ref(&parked.event))
        .await?;
    Ok(match outcomes.pop() {
        Some(Outcome::Change(change)) => ParkedOutcome::Applied(Some(*change)),
        Some(Outcome::Nothing) | None => ParkedOutcome::Applied(None),
        Some(Outcome::Failed(error)) => failed_again(consumer, parked, error),
    })
}

fn failed_again<H: Handler>(
    consumer: &Consumer<H>,
    parked: &Parked,
    error: String,
) -> ParkedOutcome {
    let now = consumer.app.now();
    // A redrive starts over; the first failure has used one attempt.
    let attempts = if parked.state == ParkedState::Redrive {
        1
    } else {
        parked.attempts + 1
    };
    match consumer.schedule.delay_ms(attempts) {
        Some(wait) => ParkedOutcome::Failed {
            error,
            state: ParkedState::Waiting,
            next_attempt_at: now.plus_ms(wait),
        },
        None => {
            log(
                parked,
                "no try is left; the event is a dead letter until somebody redrives or discards it",
            );
            ParkedOutcome::Failed {
                error,
                state: ParkedState::Dead,
                next_attempt_at: now,
            }
        }
    }
}

fn log(parked: &Parked, message: &str) {
    let order: Option<OrderId> = parked.event.event.order_id;
    tracing::warn!(consumer = parked.consumer, event_id = %parked.event.event.id, order_id = ?order, attempts = parked.attempts, "{message}");
}

//! The relay's parked events: those that are due are published again, and a person's redrive or discard is carried out.
//!
//! A discarded event is published as a filler of its sequence number, so that no receiver waits for it.

use tokio_util::sync::CancellationToken;
use waybill_broker::publisher::Published;
use waybill_domain::ids::OrderId;
use waybill_domain::parked::{NextTry, ParkedState};
use waybill_store::{Error as StoreError, Lease, NoRows, Parked, ParkedOutcome};

use super::shared::{CONSUMER, RelayShared};
use crate::consumers::parking::log;

/// Keys whose first parked event is tried in one turn.
const LOOK: usize = 64;

/// What a look at the parked events came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Looked {
    /// Nothing was due, or what was due is to be discarded and could not be.
    Nothing,
    Settled,
    /// The broker cannot take messages now.
    Blocked(String),
}

/// Publishes the first parked event of each key that is due or flagged.
///
/// # Errors
/// The store is away, or the lease is lost.
pub async fn retry(
    shared: &RelayShared,
    lease: &Lease,
    stop: &CancellationToken,
) -> Result<Looked, StoreError> {
    let now = shared.resources.contexts.now();
    let due = shared
        .resources
        .log
        .due_parked(CONSUMER, lease.partition, now, LOOK)
        .await?;
    let events = due.iter();
    let events = events.map(|parked| (&parked.event, parked.state == ParkedState::Discard));
    let messages = shared.messages(events).await?;
    let Some(results) = shared.publish(messages, stop).await else {
        return Ok(Looked::Nothing);
    };
    let mut looked = Looked::Nothing;
    for (parked, result) in due.iter().zip(results) {
        let outcome = match result {
            Published::Confirmed if parked.state == ParkedState::Discard => {
                log(parked, "a parked event was discarded");
                ParkedOutcome::Discarded
            }
            Published::Confirmed => ParkedOutcome::Applied(None),
            Published::Impossible(error) => failed_again(shared, parked, error),
            Published::Later(why) => {
                looked = Looked::Blocked(why);
                continue;
            }
        };
        let failed = matches!(outcome, ParkedOutcome::Failed { .. });
        settle(shared, lease, parked, outcome).await?;
        let stays = failed && parked.state == ParkedState::Discard;
        if looked == Looked::Nothing && !stays {
            looked = Looked::Settled;
        }
    }
    Ok(looked)
}

async fn settle(
    shared: &RelayShared,
    lease: &Lease,
    parked: &Parked,
    outcome: ParkedOutcome<NoRows>,
) -> Result<(), StoreError> {
    let key = OrderId(parked.event.event.key());
    let position = parked.event.position;
    shared
        .store
        .settle_parked(lease.clone(), key, position, outcome)
        .await
}

fn failed_again(shared: &RelayShared, parked: &Parked, error: String) -> ParkedOutcome<NoRows> {
    let (resources, now) = (&shared.resources, shared.resources.contexts.now());
    let next = NextTry::after_failure(&resources.schedule, parked.state, parked.attempts, now);
    if next == NextTry::NoneLeft {
        log(
            parked,
            "no try is left; the event is a dead letter until it is redriven or discarded",
        );
    }
    ParkedOutcome::Failed { error, next }
}

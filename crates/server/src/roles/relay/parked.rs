//! The relay's parked events: those that are due are published again, and a person's redrive or discard is carried out.
//!
//! A discarded event is published as a filler of its sequence number, so that no receiver waits for it.

use tokio_util::sync::CancellationToken;
use waybill_broker::publisher::Published;
use waybill_domain::event::LoggedEvent;
use waybill_domain::parked::ParkedState;
use waybill_store::{Error as StoreError, Lease, NoRows, Parked, ParkedOutcome};

use super::settings::CONSUMER;
use super::shared::RelayShared;
use crate::consumers::parking::{failed_again, log};

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
    let mut looked = Looked::Nothing;
    let mut tried = vec![];
    for parked in &due {
        if let Some(event) = event_of(shared, lease, parked).await? {
            tried.push((parked, event));
        } else {
            let outcome = without_event(shared, parked);
            settle(shared, lease, parked, outcome, &mut looked).await?;
        }
    }
    let events = tried.iter();
    let events = events.map(|(parked, event)| (event, parked.state == ParkedState::Discard));
    let mut messages = shared.messages(events).await?;
    for (message, (parked, _)) in messages.iter_mut().zip(&tried) {
        message.resend = Some(format!("try-{}", parked.attempts).into());
    }
    let Some(results) = shared.publish(messages, stop).await else {
        return Ok(looked);
    };
    for ((parked, _), result) in tried.into_iter().zip(results) {
        let outcome = match result {
            Published::Confirmed if parked.state == ParkedState::Discard => {
                log(parked, "a parked event was discarded");
                ParkedOutcome::Discarded
            }
            Published::Confirmed => ParkedOutcome::Applied(None),
            Published::Impossible(error) => {
                failed_again(&shared.resources.schedule, parked, error, now)
            }
            Published::Later(why) => {
                looked = Looked::Blocked(why);
                continue;
            }
        };
        settle(shared, lease, parked, outcome, &mut looked).await?;
    }
    Ok(looked)
}

/// A parked event from its envelope, or from the log when that is damaged; `None` when the log cannot give it either.
async fn event_of(
    shared: &RelayShared,
    lease: &Lease,
    parked: &Parked,
) -> Result<Option<LoggedEvent>, StoreError> {
    if let Ok(event) = &parked.event {
        return Ok(Some(event.clone()));
    }
    let (partition, before) = (lease.partition, parked.position - 1);
    match shared.store.read_all(partition, before, 1).await {
        Ok(events) => Ok(events.into_iter().find(|e| e.position == parked.position)),
        Err(error) if error.is_poison() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What becomes of an event whose envelope and row in the log cannot be read. Its aggregate and `seq` are unknown, so a
/// discard cannot publish a filler, and receivers list the gap.
fn without_event(shared: &RelayShared, parked: &Parked) -> ParkedOutcome<NoRows> {
    if parked.state == ParkedState::Discard {
        log(
            parked,
            "a parked event that cannot be read was discarded; receivers wait for its number until they are told to go on",
        );
        return ParkedOutcome::Discarded;
    }
    let why = match &parked.event {
        Err(damaged) => damaged.to_string(),
        Ok(_) => "the event cannot be read".to_owned(),
    };
    let now = shared.resources.contexts.now();
    failed_again(&shared.resources.schedule, parked, why, now)
}

/// Writes what became of a parked event, and notes in `looked` that there may be more to do.
async fn settle(
    shared: &RelayShared,
    lease: &Lease,
    parked: &Parked,
    outcome: ParkedOutcome<NoRows>,
    looked: &mut Looked,
) -> Result<(), StoreError> {
    let failed = matches!(outcome, ParkedOutcome::Failed { .. });
    shared
        .store
        .settle_parked(lease.clone(), parked.key, parked.position, outcome)
        .await?;
    let stays = failed && parked.state == ParkedState::Discard;
    if *looked == Looked::Nothing && !stays {
        *looked = Looked::Settled;
    }
    Ok(())
}

//! The log and its consumers: positions, leases, batches and parked events.

use crate::error::{Error, Result};
use uuid::Uuid;
use waybill_domain::change::Change;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::once::CommandClaim;
use waybill_domain::parked::{NextTry, ParkedState};
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::time::Time;

/// A place in the log: a position in each partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(pub Vec<i64>);

impl Positions {
    /// Before the first event of a log of so many partitions.
    #[must_use]
    pub fn beginning(partitions: u16) -> Self {
        Self(vec![0; usize::from(partitions)])
    }

    /// How many partitions there are.
    ///
    /// # Errors
    /// [`Error::Refused`] when they are more than a log can have.
    pub fn partitions(&self) -> Result<u16> {
        let count = self.0.len();
        u16::try_from(count).map_err(|_| Error::refused(format!("no log has {count} partitions")))
    }

    /// Sets the position in an existing partition.
    pub fn move_to(&mut self, partition: u16, position: i64) {
        if let Some(of_partition) = self.0.get_mut(usize::from(partition)) {
            *of_partition = position;
        }
    }

    /// The position in a partition; 0 for a partition that does not exist.
    #[must_use]
    pub fn of(&self, partition: u16) -> i64 {
        self.0.get(usize::from(partition)).copied().unwrap_or(0)
    }
}

/// The right to work as a consumer on a partition, until another process takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub consumer: String,
    pub partition: u16,
    pub epoch: i64,
}

/// The processes of a consumer, and which of them holds which partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseView {
    /// The owners that are alive, sorted by name, including the caller.
    pub members: Vec<String>,
    /// Leases that have not run out, by partition.
    pub held: Vec<HeldLease>,
}

/// A lease and its present owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    pub partition: u16,
    pub owner: String,
    pub epoch: i64,
    pub until: Time,
}

/// The changes that a consumer writes for one batch of events, together with its cursor.
#[derive(Clone, Debug)]
pub struct ConsumerBatch<E> {
    pub lease: Lease,
    /// The position that the cursor must have before the write.
    pub from: i64,
    /// The cursor's position after the write.
    pub to: i64,
    pub changes: Vec<Change<E>>,
    /// Events that could not be applied, and events of orders that are parked already.
    pub park: Vec<NewParked>,
}

/// An event to be parked.
#[derive(Clone, Debug)]
pub struct NewParked {
    pub event: LoggedEvent,
    /// Why the event could not be applied; `None` for the events that queue behind the first one of their order.
    pub error: Option<String>,
    pub next_attempt_at: Time,
}

impl NewParked {
    /// The position of an event from another store among the parked ones of its order: the time, or one behind the last
    /// of them.
    #[must_use]
    pub fn position_after(last: Option<i64>, now: Time) -> i64 {
        // No error: positions are times in microseconds, and the last one of the type is 290,000 years away.
        last.map_or(now.0, |last| now.0.max(last.saturating_add(1)))
    }
}

/// Why the stored envelope of a parked event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored event cannot be read: {0}")]
pub struct DamagedEnvelope(pub String);

/// A parked event. What names it is kept beside its envelope, so that it can be listed and discarded although the
/// envelope is damaged.
#[derive(Clone, Debug)]
pub struct Parked {
    pub consumer: String,
    /// What its queue is kept by: the order's id; for an event of a stock row the row's id.
    pub key: OrderId,
    /// Its position in the log; for an event of another store the number of its arrival.
    pub position: i64,
    pub event: std::result::Result<LoggedEvent, DamagedEnvelope>,
    pub state: ParkedState,
    pub error: Option<String>,
    pub attempts: u32,
    pub first_at: Time,
    pub last_at: Time,
    pub next_attempt_at: Time,
}

impl Parked {
    /// Its place in a list of dead letters.
    #[must_use]
    pub fn place(&self) -> ParkedPlace {
        ParkedPlace::of(&self.consumer, self.key)
    }
}

/// A person's request about a parked event: another try, or a discard.
#[derive(Clone, Debug)]
pub struct Flag {
    pub consumer: String,
    pub order: OrderId,
    pub row: FlaggedRow,
    pub state: ParkedState,
    /// The key of the command, if it has one.
    pub claim: Option<CommandClaim>,
}

/// Which row a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlaggedRow {
    /// The parked event at this position.
    Parked(i64),
    /// The message of another store with this id ([`crate::HeldId::message`]).
    Held(Uuid),
}

/// The result of retrying a parked event.
#[derive(Clone, Debug)]
pub enum ParkedOutcome<E> {
    /// Applied: it leaves the queue together with its effect.
    Applied(Option<Change<E>>),
    /// Failed again.
    Failed { error: String, next: NextTry },
    /// Discarded: it leaves the queue without effect.
    Discarded,
}

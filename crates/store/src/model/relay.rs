//! The relay: where it begins, what a person has asked of it, and what its processes have noted for all to see.

use super::log::Positions;
use uuid::Uuid;
use waybill_domain::ids::OrderId;
use waybill_domain::time::Time;

/// Where a relay begins that has never run on this store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayStart {
    /// Before the first event of the log.
    Beginning,
    /// After the newest event of each partition.
    Now,
}

/// Since when the relay is paused, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayPause {
    pub since: Time,
    pub by: String,
    pub reason: Option<String>,
}

/// A person's request to publish a stretch of the log again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Distinguishes its messages from earlier ones of the same events.
    pub id: Uuid,
    pub requested_at: Time,
    pub by: String,
    /// It begins after these positions.
    pub after: Positions,
    /// It ends with these positions.
    pub to: Positions,
    /// Only events of this order.
    pub order: Option<OrderId>,
}

impl Replay {
    /// Where it stands in a partition.
    #[must_use]
    pub fn at(&self, progress: &[ReplayProgress], partition: u16) -> ReplayProgress {
        let mut of_it = progress.iter().filter(|p| p.replay == self.id);
        let found = of_it.find(|p| p.partition == partition).copied();
        found.unwrap_or(ReplayProgress {
            replay: self.id,
            partition,
            at: self.after.of(partition),
            sent: 0,
            left_out: 0,
        })
    }

    /// Whether it has come to its end in a partition.
    #[must_use]
    pub fn is_done(&self, progress: &ReplayProgress) -> bool {
        progress.at >= self.to.of(progress.partition)
    }
}

/// How far a replay has come in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayProgress {
    pub replay: Uuid,
    pub partition: u16,
    /// Every event up to here was sent again, or left out.
    pub at: i64,
    /// Events that were sent again.
    pub sent: u64,
    /// Events that the broker will not take, and events of orders that have parked ones.
    pub left_out: u64,
}

/// The last fault of a process of the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayFault {
    pub at: Time,
    pub text: String,
}

/// What a person asks of the relay.
#[derive(Clone, Debug)]
pub enum RelayCommand {
    Pause(RelayPause),
    Resume,
    /// Takes the place of an earlier replay.
    Replay(Replay),
}

/// What a process of the relay notes for everyone to see.
#[derive(Clone, Debug)]
pub enum RelayNote {
    /// The name of where it publishes to.
    Publisher(String),
    Fault(RelayFault),
}

/// What is kept about the relay, the same for every process of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayState {
    /// Where it began; `None` if it never ran.
    pub start: Option<Positions>,
    pub pause: Option<RelayPause>,
    /// The newest replay, under way or done.
    pub replay: Option<Replay>,
    /// By partition; of the newest replay or earlier ones.
    pub progress: Vec<ReplayProgress>,
    pub publisher: Option<String>,
    pub last_fault: Option<RelayFault>,
}

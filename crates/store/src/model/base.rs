//! What every store tells of itself, and a page of a list.

use super::log::Positions;
use crate::generations::Former;
use waybill_domain::inbox::HeldReason;
use waybill_domain::status::OrderStatus;

/// The identity of a store. `generation` is new at every restore, so that a cursor from before it is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub store_id: String,
    pub generation: String,
    /// The generations before it.
    pub former: Former,
    /// How many partitions the log has; fixed when the store was made.
    pub partitions: u16,
    pub driver: &'static str,
    /// Whether this process alone writes the log, so that its listener gets every event.
    pub one_writer: bool,
}

impl Identity {
    /// The generation in which an event of the log was written.
    #[must_use]
    pub fn generation_of(&self, partition: u16, position: i64) -> &str {
        let former = self.former.of(partition, position);
        former.unwrap_or(&self.generation)
    }
}

/// One page. `next` continues after it, and may be set even when the page is short, because a call reads a bounded
/// number of rows.
#[derive(Clone, Debug)]
pub struct Page<T, C> {
    pub items: Vec<T>,
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// The page of a list that was read up to `limit` items. A full page may have more after its last item, whose place
    /// `place` gives; a shorter one is the last.
    pub(crate) fn up_to(limit: usize, items: Vec<T>, place: impl FnOnce(&T) -> C) -> Self {
        let last = items.last().filter(|_| items.len() == limit);
        let next = last.map(place);
        Self { items, next }
    }
}

/// Figures for people and metrics.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub orders_by_status: Vec<(OrderStatus, i64)>,
    /// The position of the newest event of each partition.
    pub log_positions: Positions,
    /// The cursor's position, per consumer and partition.
    pub cursors: Vec<(String, u16, i64)>,
    pub parked: i64,
    pub dead: i64,
    /// Messages of other stores that wait, by the reason.
    pub held: Vec<(HeldReason, i64)>,
    /// Generations of other stores that wait to be adopted; their events are not taken.
    pub stopped_sources: i64,
    pub timers: i64,
    pub work: i64,
    pub wal_bytes: u64,
    pub queue_foreground: usize,
    pub queue_background: usize,
    pub readers: usize,
    pub readers_idle: usize,
    /// Transactions repeated since the start because of conflicts, and deadlocks, which the lock order should rule out.
    pub retries: u64,
    pub deadlocks: u64,
    /// How long the oldest transaction of another session of the database has been open, in milliseconds, as far as the
    /// role may see it; 0 when there is none. `None` for the embedded store, where the size of the write-ahead log
    /// shows it.
    pub oldest_snapshot_ms: Option<i64>,
}

/// The callers that found every connection of the pool taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Those that wait now.
    pub waiting: usize,
    /// How many have waited since the start, and the sum of their waits in milliseconds.
    pub waits: u64,
    pub waited_ms: u64,
}

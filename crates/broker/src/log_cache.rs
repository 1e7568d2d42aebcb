//! The newest end of the log in memory, so that consumers read it right after the commit without asking the table.
//!
//! Only a process that alone writes its log keeps one: with several writers the memory of each would have holes.
//! Invariant: what is kept is every event after `floor`, without a hole.

use parking_lot::Mutex;
use std::collections::VecDeque;
use waybill_domain::event::{EventKind, LoggedEvent};

/// A bounded cache of the log's newest events. It answers nothing before [`LogCache::start_at`], and therefore never
/// for a log that several processes write.
pub struct LogCache {
    ring: Mutex<Ring>,
}

struct Ring {
    events: VecDeque<LoggedEvent>,
    /// The last position that is no longer in the ring, or never was.
    floor: i64,
    /// The newest position.
    last: i64,
    limit: usize,
}

impl LogCache {
    /// A cache of at most `limit` events.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            ring: Mutex::new(Ring {
                events: VecDeque::new(),
                floor: i64::MAX,
                last: 0,
                limit,
            }),
        }
    }

    /// Sets the position at which the log ended when its only writer opened it.
    pub fn start_at(&self, position: i64) {
        let mut ring = self.ring.lock();
        let room = ring.limit.min(1_024);
        ring.events.reserve(room);
        ring.floor = position;
        ring.last = position;
    }

    /// Adds committed events, in the order of the log; the oldest ones make room.
    pub fn append(&self, events: &[LoggedEvent]) {
        let Some(newest) = events.last() else { return };
        let mut ring = self.ring.lock();
        ring.last = newest.position;
        ring.events.extend(events.iter().cloned());
        while ring.events.len() > ring.limit {
            if let Some(gone) = ring.events.pop_front() {
                ring.floor = gone.position;
            }
        }
    }

    /// Events of `kinds` after a position, and the position read up to; `None` when that position is further back
    /// than the cache reaches, and the table must be read.
    #[must_use]
    pub fn read(
        &self,
        after: i64,
        limit: usize,
        kinds: &[EventKind],
    ) -> Option<(Vec<LoggedEvent>, i64)> {
        let ring = self.ring.lock();
        if after < ring.floor {
            return None;
        }
        let start = ring.events.partition_point(|e| e.position <= after);
        let mut found = vec![];
        let mut reached = after;
        for event in ring.events.range(start..) {
            if found.len() == limit {
                break;
            }
            reached = event.position;
            if kinds.contains(&event.event.kind) {
                found.push(event.clone());
            }
        }
        Some((found, reached))
    }

    /// The last committed position; 0 before the first commit of a log that is shared.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.ring.lock().last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_events::events;

    fn positions(events: &[LoggedEvent]) -> Vec<i64> {
        events.iter().map(|e| e.position).collect()
    }

    #[test]
    fn a_reader_gets_the_kinds_it_asks_for_and_the_position_it_has_read_up_to() {
        let cache = LogCache::new(100);
        cache.start_at(4);
        cache.append(&events(5..=10));
        let confirmed = &[EventKind::OrderConfirmed];
        let (found, reached) = cache.read(4, 2, confirmed).expect("in memory");
        assert_eq!((positions(&found), reached), (vec![6, 8], 8));
        let (found, reached) = cache.read(8, 2, confirmed).expect("in memory");
        assert_eq!((found.len(), reached), (1, 10));
        assert_eq!(cache.read(10, 2, confirmed), Some((vec![], 10)));
        assert_eq!(cache.last(), 10);
    }

    #[test]
    fn a_reader_that_is_too_far_behind_must_read_the_table() {
        let cache = LogCache::new(3);
        cache.start_at(0);
        cache.append(&events(1..=10));
        assert!(cache.read(6, 10, &[EventKind::OrderConfirmed]).is_none());
        let (found, _) = cache
            .read(7, 10, &[EventKind::OrderConfirmed])
            .expect("in memory");
        assert_eq!(positions(&found), [8, 10]);
    }

    #[test]
    fn a_cache_that_was_not_started_answers_nothing() {
        assert!(LogCache::new(3).read(0, 1, &[]).is_none());
    }
}

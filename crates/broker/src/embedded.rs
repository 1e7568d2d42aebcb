//! No broker at all: consumers read the log itself.
//!
//! Owns the wake-ups, and, of a log that this process alone writes, its newest end in memory: consumers read that
//! right after the commit, and the table when they are behind. Of a log that several processes write nothing is
//! kept: who is woken reads the table. **Invariant:** a wake-up is a hint; one that is lost delays and skips nothing.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_store::CommitListener;

/// The newest end of the log, in memory, bounded; and who waits for it to grow.
///
/// Invariant: what is kept is every event after `floor`, without a hole.
pub struct LogTail {
    ring: Mutex<Ring>,
    /// Any part has grown.
    any: watch::Sender<()>,
    /// One part has grown, of a shared log.
    parts: OnceLock<Vec<watch::Sender<()>>>,
}

struct Ring {
    events: VecDeque<LoggedEvent>,
    /// Everything up to here has left the ring, or was never in it.
    floor: i64,
    /// The newest position.
    last: i64,
    limit: usize,
}

impl LogTail {
    /// A tail of at most `limit` events. Before [`LogTail::start_at`] or [`LogTail::start_shared`] it answers nothing.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            ring: Mutex::new(Ring {
                events: VecDeque::new(),
                floor: i64::MAX,
                last: 0,
                limit,
            }),
            any: watch::Sender::new(()),
            parts: OnceLock::new(),
        }
    }

    /// Says where the log of one part ended when its only writer opened it.
    pub fn start_at(&self, position: i64) {
        let mut ring = self.ring.lock();
        let room = ring.limit.min(1_024);
        ring.events.reserve(room);
        ring.floor = position;
        ring.last = position;
    }

    /// Says that others write this log too, and how many parts it has.
    pub fn start_shared(&self, parts: u16) {
        let senders = (0..parts).map(|_| watch::Sender::new(())).collect();
        // A second start has nothing to add: the number of parts is fixed when a store is made.
        let _ = self.parts.set(senders);
    }

    /// Events of `kinds` after a position, and the position looked up to; `None` when that far back is not in memory,
    /// as nothing ever is of a shared log.
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

    /// Changes when a part has grown.
    #[must_use]
    pub fn watch(&self, part: u16) -> watch::Receiver<()> {
        let of_part = self.parts.get().and_then(|p| p.get(usize::from(part)));
        of_part.unwrap_or(&self.any).subscribe()
    }

    /// Changes when any part has grown.
    #[must_use]
    pub fn watch_all(&self) -> watch::Receiver<()> {
        self.any.subscribe()
    }

    /// The last position known to be committed, of a log that this process alone writes.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.ring.lock().last
    }
}

impl CommitListener for LogTail {
    fn committed(&self, events: &Arc<[LoggedEvent]>) {
        let Some(newest) = events.last() else { return };
        {
            let mut ring = self.ring.lock();
            ring.last = newest.position;
            ring.events.extend(events.iter().cloned());
            while ring.events.len() > ring.limit {
                if let Some(gone) = ring.events.pop_front() {
                    ring.floor = gone.position;
                }
            }
        }
        self.any.send_replace(());
    }

    fn grown(&self, part: u16) {
        // Told before the start: whoever reads then reads from its cursor anyway.
        let Some(parts) = self.parts.get() else {
            return;
        };
        if let Some(of_part) = parts.get(usize::from(part)) {
            of_part.send_replace(());
        }
        self.any.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybill_domain::context::EventMeta;
    use waybill_domain::event::{Aggregate, AggregateKind, NewEvent};
    use waybill_domain::ids::EventId;
    use waybill_domain::text::Tenant;
    use waybill_domain::time::Time;

    fn event(position: i64, kind: EventKind) -> LoggedEvent {
        let id = uuid(position);
        let event = NewEvent {
            id: EventId(id),
            kind,
            aggregate: Aggregate {
                kind: AggregateKind::Order,
                id,
            },
            seq: 1,
            order_id: None,
            tenant: Tenant::default(),
            occurred_at: Time(0),
            body: "{}".into(),
            meta: EventMeta::default(),
        };
        LoggedEvent {
            part: 0,
            position,
            recorded_at: Time(0),
            event,
        }
    }

    fn uuid(n: i64) -> uuid::Uuid {
        uuid::Uuid::from_u128(n.unsigned_abs().into())
    }

    fn commit(tail: &LogTail, positions: std::ops::RangeInclusive<i64>) {
        let kind = |p: i64| {
            if p % 2 == 0 {
                EventKind::OrderConfirmed
            } else {
                EventKind::OrderCreated
            }
        };
        let events: Vec<_> = positions.map(|p| event(p, kind(p))).collect();
        tail.committed(&events.into());
    }

    #[test]
    fn a_reader_gets_its_kinds_and_learns_how_far_it_came() {
        let tail = LogTail::new(100);
        tail.start_at(4);
        commit(&tail, 5..=10);
        let (found, reached) = tail.read(4, 2, &[EventKind::OrderConfirmed]).unwrap();
        assert_eq!(
            (
                found.iter().map(|e| e.position).collect::<Vec<_>>(),
                reached
            ),
            (vec![6, 8], 8)
        );
        let (found, reached) = tail.read(8, 2, &[EventKind::OrderConfirmed]).unwrap();
        assert_eq!((found.len(), reached), (1, 10));
        assert_eq!(
            tail.read(10, 2, &[EventKind::OrderConfirmed]).unwrap(),
            (vec![], 10)
        );
        assert_eq!(tail.last(), 10);
    }

    #[test]
    fn who_is_too_far_behind_is_sent_to_the_table() {
        let tail = LogTail::new(3);
        tail.start_at(0);
        commit(&tail, 1..=10);
        assert!(tail.read(6, 10, &[EventKind::OrderConfirmed]).is_none());
        assert_eq!(
            tail.read(7, 10, &[EventKind::OrderConfirmed])
                .unwrap()
                .0
                .len(),
            2
        );
        let fresh = LogTail::new(3);
        assert!(
            fresh.read(0, 1, &[]).is_none(),
            "before it knows where the log ends it answers nothing"
        );
    }

    #[test]
    fn who_watches_a_part_of_a_shared_log_is_woken_for_it_alone() {
        let tail = LogTail::new(3);
        tail.grown(0);
        tail.start_shared(2);
        let (first, second, all) = (tail.watch(0), tail.watch(1), tail.watch_all());
        let woken = |r: &watch::Receiver<()>| r.has_changed().expect("the tail is there");
        assert!(!woken(&first) && !woken(&all));
        tail.grown(0);
        assert!(woken(&first) && !woken(&second) && woken(&all));
        tail.grown(7);
        assert!(
            !woken(&second),
            "a part that is not there wakes nobody of another"
        );
        assert!(tail.read(0, 1, &[]).is_none(), "the table is read");
    }

    #[test]
    fn who_watches_the_one_part_is_woken_by_a_commit() {
        let tail = LogTail::new(3);
        tail.start_at(0);
        let (part, all) = (tail.watch(0), tail.watch_all());
        commit(&tail, 1..=2);
        assert!(part.has_changed().expect("there") && all.has_changed().expect("there"));
    }
}

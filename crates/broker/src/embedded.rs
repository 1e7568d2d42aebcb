//! No broker at all: consumers read the log, from memory right after the commit, from the table when behind.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_store::CommitListener;

/// The newest end of the log, in memory, bounded.
///
/// Invariant: it holds every event after `floor`, without a hole.
pub struct LogTail {
    ring: Mutex<Ring>,
    last: watch::Sender<i64>,
}

struct Ring {
    events: VecDeque<LoggedEvent>,
    /// Everything up to here has left the ring, or was never in it.
    floor: i64,
    limit: usize,
}

impl LogTail {
    /// A tail of at most `limit` events. [`LogTail::start_at`] must be called before it is read.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            ring: Mutex::new(Ring {
                events: VecDeque::with_capacity(limit.min(1_024)),
                floor: i64::MAX,
                limit,
            }),
            last: watch::Sender::new(0),
        }
    }

    /// Says where the log ended when the store was opened.
    pub fn start_at(&self, position: i64) {
        self.ring.lock().floor = position;
        self.last.send_replace(position);
    }

    /// Events of `kinds` after a position, and the position looked up to; `None` when that far back is no longer in
    /// memory.
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

    /// Changes whenever the log grows; holds the last position.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<i64> {
        self.last.subscribe()
    }

    /// The last position known to be committed.
    #[must_use]
    pub fn last(&self) -> i64 {
        *self.last.borrow()
    }
}

impl CommitListener for LogTail {
    fn committed(&self, events: &Arc<[LoggedEvent]>) {
        let Some(newest) = events.last() else { return };
        {
            let mut ring = self.ring.lock();
            ring.events.extend(events.iter().cloned());
            while ring.events.len() > ring.limit {
                if let Some(gone) = ring.events.pop_front() {
                    ring.floor = gone.position;
                }
            }
        }
        self.last.send_replace(newest.position);
    }

    fn grown(&self, _part: u16) {}
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
        assert_eq!(*tail.watch().borrow(), 10);
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
}

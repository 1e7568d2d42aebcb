//! How far a lane has come, and when that is written.
//!
//! A write for every batch would cost more than the batch: what is not written after a crash is published again, and
//! receivers drop it. So it is written after so many events or so long, whichever is first.

use std::time::Duration;

use tokio::time::Instant;

/// Events that are passed before the cursor is written.
const EVENTS: usize = 1_000;
/// How long a moved cursor stays unwritten. Each write is a transaction, of each partition: with 16 of them and 50 ms that
/// would be up to 320 a second.
const AFTER: Duration = Duration::from_millis(500);

/// The position of a lane, in memory and in the store.
pub struct Cursor {
    /// Every event up to here was confirmed, parked or left out.
    at: i64,
    /// What the store has.
    durable: i64,
    /// Events passed since the store has it.
    unwritten: usize,
    /// When the first of them was passed.
    since: Instant,
}

impl Cursor {
    /// A cursor that the store has at `durable`; events up to `start` are left out.
    pub fn new(durable: i64, start: i64) -> Self {
        Self {
            at: durable.max(start),
            durable,
            unwritten: 0,
            since: Instant::now(),
        }
    }

    pub fn at(&self) -> i64 {
        self.at
    }

    pub fn durable(&self) -> i64 {
        self.durable
    }

    /// Passes events up to a position, which the store does not have yet.
    pub fn pass(&mut self, to: i64, events: usize) {
        if self.at == self.durable {
            self.since = Instant::now();
        }
        self.at = to;
        self.unwritten += events;
    }

    /// The store has it at a position.
    pub fn written(&mut self, at: i64) {
        self.at = at;
        self.durable = at;
        self.unwritten = 0;
    }

    /// When it is to be written; `None` when the store has it already.
    pub fn due(&self) -> Option<Instant> {
        let moved = self.at != self.durable;
        moved.then(|| {
            if self.unwritten >= EVENTS {
                self.since
            } else {
                self.since + AFTER
            }
        })
    }

    /// Whether it is to be written now.
    pub fn is_due(&self) -> bool {
        self.due().is_some_and(|due| due <= Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_written_after_500_ms_or_1000_events_and_not_while_it_stands() {
        let mut cursor = Cursor::new(5, 0);
        tokio::time::advance(AFTER * 10).await;
        assert!(cursor.due().is_none(), "the store has it");
        cursor.pass(7, 2);
        assert!(!cursor.is_due());
        tokio::time::advance(AFTER - Duration::from_millis(1)).await;
        cursor.pass(9, 2);
        assert!(!cursor.is_due());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(cursor.is_due(), "since the first event that was passed");
        cursor.written(9);
        assert!(cursor.due().is_none());
        cursor.pass(1_008, 999);
        assert!(!cursor.is_due());
        cursor.pass(1_009, 1);
        assert!(cursor.is_due());
    }

    #[tokio::test(start_paused = true)]
    async fn events_up_to_the_start_are_passed_at_once_and_written_once() {
        let cursor = Cursor::new(0, 100);
        assert_eq!((cursor.at(), cursor.durable()), (100, 0));
        assert!(cursor.due().is_some());
        let later = Cursor::new(250, 100);
        assert_eq!((later.at(), later.durable()), (250, 250));
        assert!(later.due().is_none());
    }
}

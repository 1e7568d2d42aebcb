//! The interface between the suite and a driver under test.

use crate::error::Result;
use crate::traits::{CommitListener, Now, Store};
use crate::verify::Report;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::Notify;
use uuid::Uuid;
use waybill_domain::event::{EventKind, LoggedEvent, NewEvent};
use waybill_domain::time::Time;

/// One set of data of a driver, empty at first.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// Opens the data. The store that had it open before must be closed.
    async fn open(
        &self,
        now: Now,
        listener: Arc<dyn CommitListener>,
        new_id: &mut (dyn FnMut() -> Uuid + Send),
    ) -> Result<Arc<dyn Store>>;

    /// Runs statements on another connection with constraints off, to make damage that a checker must find.
    async fn damage(&self, sql: &str);

    /// Recomputes every invariant, beside an open store.
    async fn verify(&self) -> Result<Report>;
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl Default for ManualClock {
    /// A clock that starts at a fixed day.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_780_000_000_000_000)))
    }
}

impl ManualClock {
    /// The time.
    #[must_use]
    pub fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    /// Moves the clock forward.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms * 1_000, Ordering::SeqCst);
    }

    /// The clock in the form that a store takes.
    #[must_use]
    pub fn as_now(&self) -> Now {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// Records the store's calls of its listener, which may come shortly after the store's answer.
#[derive(Default)]
pub struct Tap {
    events: Mutex<Vec<LoggedEvent>>,
    /// What was told as committed or appended: one of both, depending on the store.
    kinds: Mutex<Vec<EventKind>>,
    grown: Mutex<BTreeSet<u16>>,
    more: Notify,
}

impl Tap {
    /// Waits until the listener has got at least `count` events; returns all events so far.
    pub async fn events(&self, count: usize) -> Vec<LoggedEvent> {
        loop {
            let more = self.more.notified();
            let events = self.events.lock().clone();
            if events.len() >= count {
                return events;
            }
            more.await;
        }
    }
}

impl Tap {
    /// Waits until the listener was told of at least `count` events of this store's own, of any store; the kinds of all so
    /// far.
    pub async fn kinds(&self, count: usize) -> Vec<EventKind> {
        loop {
            let more = self.more.notified();
            let kinds = self.kinds.lock().clone();
            if kinds.len() >= count {
                return kinds;
            }
            more.await;
        }
    }

    /// Waits until the listener was called for the growth of each of these partitions.
    pub async fn told_of(&self, partitions: &BTreeSet<u16>) {
        while !self.grown.lock().is_superset(partitions) {
            self.more.notified().await;
        }
    }
}

impl CommitListener for Tap {
    fn committed(&self, events: &Arc<[LoggedEvent]>) {
        let kinds = events.iter().map(|logged| logged.event.kind);
        self.kinds.lock().extend(kinds);
        self.events.lock().extend(events.iter().cloned());
        // Only one test waits; `Notify` keeps a permit if the test does not wait yet.
        self.more.notify_one();
    }

    fn appended(&self, events: &[&NewEvent]) {
        self.kinds.lock().extend(events.iter().map(|new| new.kind));
        self.more.notify_one();
    }

    fn grown(&self, partition: u16) {
        self.grown.lock().insert(partition);
        self.more.notify_one();
    }
}

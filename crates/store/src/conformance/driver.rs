//! What the suite needs of a driver, and what it hands to one.

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
use waybill_domain::event::LoggedEvent;
use waybill_domain::time::Time;

/// One set of data of a driver, empty at first.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// Opens the data. Whoever had it open has closed it.
    async fn open(
        &self,
        now: Now,
        listener: Arc<dyn CommitListener>,
        new_id: &mut (dyn FnMut() -> Uuid + Send),
    ) -> Result<Arc<dyn Store>>;

    /// Runs statements behind the store's back, constraints off, so that a checker has something to find.
    async fn damage(&self, sql: &str);

    /// Recomputes every invariant, beside an open store.
    async fn verify(&self) -> Result<Report>;
}

/// A clock that stands still until it is moved.
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl Default for ManualClock {
    /// Starts on a day like any other.
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

    /// Moves on.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms * 1_000, Ordering::SeqCst);
    }

    /// As a store takes it.
    #[must_use]
    pub fn as_now(&self) -> Now {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// Keeps what the store told after its commits, which may be a little after it answered.
#[derive(Default)]
pub struct Tap {
    heard: Mutex<Vec<LoggedEvent>>,
    grown: Mutex<BTreeSet<u16>>,
    more: Notify,
}

impl Tap {
    /// Waits until that many events were heard; everything heard by then.
    pub async fn heard(&self, count: usize) -> Vec<LoggedEvent> {
        loop {
            let more = self.more.notified();
            let heard = self.heard.lock().clone();
            if heard.len() >= count {
                return heard;
            }
            more.await;
        }
    }
}

impl Tap {
    /// Waits until it was told that each of these partitions has grown.
    pub async fn told_of(&self, partitions: &BTreeSet<u16>) {
        while !self.grown.lock().is_superset(partitions) {
            self.more.notified().await;
        }
    }
}

impl CommitListener for Tap {
    fn committed(&self, events: &Arc<[LoggedEvent]>) {
        self.heard.lock().extend(events.iter().cloned());
        // One test waits; a permit is kept if it does not yet.
        self.more.notify_one();
    }

    fn grown(&self, partition: u16) {
        self.grown.lock().insert(partition);
        self.more.notify_one();
    }
}

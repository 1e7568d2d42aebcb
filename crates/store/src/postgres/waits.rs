//! Counts the callers that find every connection of the pool taken. The pool itself decides how long they wait.

use crate::model::PoolUse;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// The callers that wait now and that have waited so far.
#[derive(Default)]
pub struct Waits {
    waiting: AtomicUsize,
    waits: AtomicU64,
    waited_us: AtomicU64,
}

impl Waits {
    /// Counts a caller as waiting until the returned guard is dropped, with a connection or without.
    pub fn begin(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.waits.fetch_add(1, Ordering::Relaxed);
        Waiting {
            waits: self,
            since: Instant::now(),
        }
    }

    pub fn counts(&self) -> PoolUse {
        PoolUse {
            waiting: self.waiting.load(Ordering::Relaxed),
            waits: self.waits.load(Ordering::Relaxed),
            waited_ms: self.waited_us.load(Ordering::Relaxed) / 1_000,
        }
    }
}

/// One caller that waits.
pub struct Waiting<'a> {
    waits: &'a Waits,
    since: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // No error: a wait that is longer than any clock counts is as long as that.
        let us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.waits.waited_us.fetch_add(us, Ordering::Relaxed);
        self.waits.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

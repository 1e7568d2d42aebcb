//! Logs a repeating fault when it begins and when it is over, and counts it in between.
//!
//! Tasks that try again many times a second (consumers, the lease keeper, the writer) share one [`Outage`] for each
//! kind of work, so that a database outage does not fill the disk with log lines.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::sources::with_sources;

/// How often a lasting fault is logged again.
const REMIND_EVERY: Duration = Duration::from_secs(60);
/// Work must have gone on for this long without a fault before the fault is over: where several tasks do the same
/// work, some may succeed while others still fail.
const QUIET: Duration = Duration::from_secs(2);

/// Whether a kind of work fails now, and since when.
pub struct Outage {
    who: &'static str,
    what: &'static str,
    /// Whether a fault lasts. Read without the lock, because `worked` runs many times a second.
    any: AtomicBool,
    lasting: Mutex<Option<Lasting>>,
}

#[derive(Clone, Copy)]
struct Lasting {
    began: Instant,
    last: Instant,
    said: Instant,
    failures: u64,
}

/// What to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Say {
    Began,
    Lasts { failures: u64, seconds: u64 },
    Over { failures: u64, seconds: u64 },
}

impl Outage {
    /// `who` names the consumer or thread, `what` cannot be done while it lasts, as in "leases cannot be renewed".
    #[must_use]
    pub fn new(who: &'static str, what: &'static str) -> Self {
        Self {
            who,
            what,
            any: AtomicBool::new(false),
            lasting: Mutex::new(None),
        }
    }

    /// The work failed, and will be tried again.
    pub fn failed(&self, error: &(dyn Error + 'static)) {
        let (who, what) = (self.who, self.what);
        match self.note_failure(Instant::now()) {
            Some(Say::Began) => {
                tracing::warn!(who, error = with_sources(error), "{what}; trying again");
            }
            Some(Say::Lasts { failures, seconds }) => {
                tracing::warn!(
                    who,
                    error = with_sources(error),
                    failures,
                    seconds,
                    "still failing: {what}; trying again"
                );
            }
            Some(Say::Over { .. }) | None => {}
        }
    }

    /// The work succeeded. The end is logged at the level of the beginning, so that no log has one without the other.
    pub fn worked(&self) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let (who, what) = (self.who, self.what);
        if let Some(Say::Over { failures, seconds }) = self.note_success(Instant::now()) {
            tracing::warn!(who, failures, seconds, "fault ended: {what}");
        }
    }

    /// For work that succeeds once and then waits, as a connection that listens: ends the fault when nothing has failed
    /// for long enough after that. Never completes; dropped when the work fails.
    pub async fn works_from_now_on(&self) {
        if self.any.load(Ordering::Relaxed) {
            tokio::time::sleep(QUIET).await;
            self.worked();
        }
        std::future::pending::<()>().await;
    }

    fn note_failure(&self, now: Instant) -> Option<Say> {
        let mut lasting = self.lasting.lock();
        self.any.store(true, Ordering::Relaxed);
        let Some(known) = lasting.as_mut() else {
            *lasting = Some(Lasting {
                began: now,
                last: now,
                said: now,
                failures: 1,
            });
            return Some(Say::Began);
        };
        known.failures += 1;
        known.last = now;
        if now.duration_since(known.said) < REMIND_EVERY {
            return None;
        }
        known.said = now;
        Some(Say::Lasts {
            failures: known.failures,
            seconds: now.duration_since(known.began).as_secs(),
        })
    }

    fn note_success(&self, now: Instant) -> Option<Say> {
        let mut lasting = self.lasting.lock();
        let known = lasting.filter(|known| now.duration_since(known.last) >= QUIET)?;
        *lasting = None;
        self.any.store(false, Ordering::Relaxed);
        Some(Say::Over {
            failures: known.failures,
            seconds: known.last.duration_since(known.began).as_secs(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_repeats_is_said_once_then_counted_and_its_end_is_said() {
        let outage = Outage::new("test", "leases cannot be renewed");
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(outage.note_failure(start), Some(Say::Began));
        for n in 1..1_000 {
            assert_eq!(outage.note_failure(after(n)), None);
        }
        let (failures, seconds) = (1_001, 60);
        let lasts = Say::Lasts { failures, seconds };
        assert_eq!(outage.note_failure(after(60_000)), Some(lasts));
        // Another task that succeeds between two failures does not end it.
        assert_eq!(outage.note_success(after(60_100)), None);
        assert_eq!(outage.note_failure(after(60_200)), None);
        let (failures, seconds) = (1_002, 60);
        let over = Say::Over { failures, seconds };
        assert_eq!(outage.note_success(after(63_000)), Some(over));
        assert_eq!(outage.note_success(after(64_000)), None);
        assert_eq!(outage.note_failure(after(65_000)), Some(Say::Began));
    }
}

//! The clock of a store that several processes share.
//!
//! Owns the last reading of that clock and the monotonic time since. Invariant: after the first reading this process's
//! wall clock has no influence, so changing it affects no lease, timer or expiry. Between two readings, and while the
//! store is unavailable, time continues by the monotonic clock. A store of one process has no clock of its own; then
//! the process's clock is used.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;
use waybill_store::{Error, Result, StoreBase};

use super::{Clock, MICROS_PER_SECOND};

/// Two monotonic clocks drift apart by microseconds in this time, far less than a lease's margin.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A slower answer is ignored, because the moment at which the clock was read is too uncertain.
const LONGEST_LOOK: Duration = Duration::from_millis(500);
/// Readings that are accepted, in microseconds: 1970 to 9998, the range of callers' times.
const BELIEVED: std::ops::Range<i64> = 0..253_370_764_800 * MICROS_PER_SECOND;
/// A larger difference between the clocks is logged.
const LOGGED_DIFFERENCE_MICROS: i64 = MICROS_PER_SECOND;

/// Follows the store's clock if the store has one.
pub struct FollowedClock {
    own: Arc<dyn Clock>,
    seen: RwLock<Option<Seen>>,
}

#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    micros: i64,
}

impl Seen {
    fn at(self, now: Instant) -> i64 {
        // Zero for a moment before `at`, which lies half a round trip ahead of the look it comes from.
        let since = now.saturating_duration_since(self.at).as_micros();
        self.micros + i64::try_from(since).expect("no machine runs for 292,000 years")
    }
}

impl FollowedClock {
    /// A clock without a reading of the store's; it shows the process's own time.
    #[must_use]
    pub fn beside(own: Arc<dyn Clock>) -> Self {
        Self {
            own,
            seen: RwLock::new(None),
        }
    }

    /// Reads the store's clock; returns whether it has one.
    ///
    /// # Errors
    /// The store is unavailable, or its clock is out of range; time continues from the last reading.
    pub async fn look(&self, store: &dyn StoreBase) -> Result<bool> {
        let asked = Instant::now();
        let Some(time) = store.time().await? else {
            return Ok(false);
        };
        if !BELIEVED.contains(&time.0) {
            let detail = format!("its clock says {time}, which is not from 1970 to 9998");
            return Err(Error::unavailable(detail));
        }
        let took = asked.elapsed();
        if took <= LONGEST_LOOK || self.seen.read().is_none() {
            self.saw(asked + took / 2, time.0);
        }
        Ok(true)
    }

    fn saw(&self, at: Instant, micros: i64) {
        let before = self.seen.write().replace(Seen { at, micros });
        // At the first reading a difference means that this machine's clock is off; later, that the database's was set.
        let expected = before.map_or_else(|| self.own.now_micros(), |seen| seen.at(at));
        let off = micros - expected;
        if off.abs() >= LOGGED_DIFFERENCE_MICROS {
            tracing::warn!(
                off_ms = off / 1_000,
                "the database's clock differs from the expected time; the database's time is used"
            );
        }
    }

    /// Reads the store's clock repeatedly, until stopped or until the store is dropped.
    pub async fn follow(self: Arc<Self>, store: Weak<dyn StoreBase>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            let Some(store) = store.upgrade() else {
                return;
            };
            if let Err(error) = self.look(store.as_ref()).await {
                tracing::debug!(%error, "the database's clock cannot be read");
            }
        }
    }
}

impl Clock for FollowedClock {
    fn now_micros(&self) -> i64 {
        let seen = *self.seen.read();
        seen.map_or_else(|| self.own.now_micros(), |seen| seen.at(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ManualClock;
    use super::*;

    fn beside_the_year_1970() -> (Arc<ManualClock>, FollowedClock) {
        let own = Arc::new(ManualClock::at(5));
        (own.clone(), FollowedClock::beside(own))
    }

    #[test]
    fn before_another_was_seen_the_own_clock_counts() {
        let (own, clock) = beside_the_year_1970();
        assert_eq!(clock.now_micros(), 5);
        own.set(7);
        assert_eq!(clock.now_micros(), 7);
    }

    #[test]
    fn once_another_was_seen_the_own_clock_may_jump() {
        let (own, clock) = beside_the_year_1970();
        clock.saw(Instant::now(), 1_000_000_000);
        own.set(-3_600 * MICROS_PER_SECOND);
        let first = clock.now_micros();
        own.set(i64::MAX);
        let second = clock.now_micros();
        assert!(first >= 1_000_000_000, "{first}");
        assert!(second >= first, "{first} then {second}");
        assert!(second < first + 60 * MICROS_PER_SECOND, "{second}");
    }

    #[test]
    fn time_goes_on_since_the_last_look() {
        let (_, clock) = beside_the_year_1970();
        let hour = Duration::from_secs(3_600);
        let Some(then) = Instant::now().checked_sub(hour) else {
            // Just after the machine's start, its monotonic clock cannot represent a time that early.
            return;
        };
        clock.saw(then, 0);
        assert!(clock.now_micros() >= 3_600 * MICROS_PER_SECOND);
    }
}

//! The time, for the whole server.
//!
//! Owns the one place that reads the wall clock. Invariant: all other code is given a [`Clock`], so that a test
//! controls time and a repeated decision sees the time of the first. Times are `i64` microseconds since
//! 1970-01-01T00:00:00Z. Where several processes share a store, the store's clock is used ([`FollowedClock`]). Waiting
//! (timeouts, intervals) uses tokio's timer, which a test can pause separately.

mod followed;

pub use followed::FollowedClock;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// Microseconds in a second, for callers that think in seconds (`exp` of a token, `Retry-After`).
pub const MICROS_PER_SECOND: i64 = 1_000_000;

/// Microseconds in a millisecond, the unit of most settings.
pub const MICROS_PER_MILLI: i64 = 1_000;

/// A source of the current time. It may step back (the machine's clock may); callers that need order
/// take it from versions and sequences, never from here.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since the Unix epoch, UTC.
    fn now_micros(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the wall clock; everyone else is handed a Clock"
        )]
        let now = SystemTime::now();
        match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => micros(since),
            // A machine whose clock stands before 1970 still starts; its times are then negative.
            Err(before) => -micros(before.duration()),
        }
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros())
        .expect("the kernel counts nanoseconds in 64 bits, which are 292 years")
}

/// A clock for tests: it changes only by its methods.
#[derive(Debug, Default)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    #[must_use]
    pub fn at(micros: i64) -> Self {
        Self {
            micros: AtomicI64::new(micros),
        }
    }

    /// Moves to a time, which may lie in the past: clocks jump.
    pub fn set(&self, micros: i64) {
        self.micros.store(micros, Ordering::SeqCst);
    }

    pub fn advance_micros(&self, by: i64) {
        self.micros.fetch_add(by, Ordering::SeqCst);
    }

    pub fn advance_millis(&self, by: i64) {
        self.advance_micros(by * MICROS_PER_MILLI);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_past_the_year_2020() {
        assert!(SystemClock.now_micros() > 1_577_836_800 * MICROS_PER_SECOND);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told_and_may_step_back() {
        let clock = ManualClock::at(5);
        assert_eq!(clock.now_micros(), 5);
        clock.advance_millis(2);
        assert_eq!(clock.now_micros(), 2_005);
        clock.set(1);
        assert_eq!(clock.now_micros(), 1);
    }
}

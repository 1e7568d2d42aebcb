//! Calls a second that a vendor allows.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Gives each call a place in time, so that no more than the rate begin in any second. A vendor that was not called for
/// a while gets no burst.
pub struct Pace {
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most so many calls a second, one at least.
    #[must_use]
    pub fn of(calls_per_s: i64) -> Self {
        let calls = u32::try_from(calls_per_s.max(1)).unwrap_or(u32::MAX);
        Self {
            gap: Duration::from_secs(1) / calls,
            next: Mutex::new(None),
        }
    }

    /// Waits for this call's place.
    pub async fn turn(&self) {
        let at = {
            let mut next = self.next.lock();
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + self.gap);
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_begin_no_faster_than_the_rate_also_after_a_pause() {
        let pace = Pace::of(10);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let began = Instant::now();
        for _ in 0..21 {
            pace.turn().await;
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(2), "{took:?}");
        assert!(took < Duration::from_millis(2_100), "{took:?}");
    }
}

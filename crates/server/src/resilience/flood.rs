//! Detects a flood: orders arrive faster than they are committed, so that batches grow.

use crate::observe::figures;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A batch of at least so many orders counts as a flood.
const FLOOD_ORDERS: usize = 24;
/// A flood is over when there was no such batch for this long.
const FLOOD_LASTS: Duration = Duration::from_millis(60);

/// Intake notes the size of its batches here, and background work reads whether there is a flood.
pub struct Flood {
    began: Instant,
    /// The last large batch, in microseconds since `began`; 0 when there was none.
    last_us: AtomicU64,
}

impl Default for Flood {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            last_us: AtomicU64::new(0),
        }
    }
}

impl Flood {
    /// Notes a batch that intake has gathered.
    pub fn gathered(&self, orders: usize) {
        if orders >= FLOOD_ORDERS {
            let us = figures::micros(self.began.elapsed());
            self.last_us.store(us.max(1), Ordering::Relaxed);
        }
    }

    /// When the flood is over if no further large batch comes; `None` when there is none.
    pub fn until(&self) -> Option<Instant> {
        let last_us = self.last_us.load(Ordering::Relaxed);
        let until = self.began + Duration::from_micros(last_us) + FLOOD_LASTS;
        (last_us > 0 && until > Instant::now()).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn small_batches_are_no_flood_and_a_flood_ends() {
        let flood = Flood::default();
        flood.gathered(FLOOD_ORDERS - 1);
        assert!(flood.until().is_none());
        flood.gathered(FLOOD_ORDERS);
        assert!(flood.until().is_some());
        tokio::time::advance(FLOOD_LASTS + Duration::from_millis(1)).await;
        assert!(flood.until().is_none());
    }
}

//! When to read parked events: soon after one was parked, seldom later, never while none is parked.

use std::time::Duration;

use tokio::time::Instant;
use waybill_store::{Error as StoreError, LogStore};

/// The shortest wait for a parked event to be due.
const SHORTEST_LOOK: Duration = Duration::from_millis(50);
/// How often the number of parked events is asked for.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Whether events may be parked in a partition, and when to read them.
pub struct ParkedWatch {
    pub any: bool,
    pub look_at: Instant,
    wait: Duration,
    count_at: Instant,
}

impl ParkedWatch {
    /// At the start: parked events are read at once.
    pub fn unknown() -> Self {
        let now = Instant::now();
        Self {
            any: true,
            look_at: now,
            wait: SHORTEST_LOOK,
            count_at: now,
        }
    }

    /// Called when an event may have been parked.
    pub fn expect(&mut self) {
        self.any = true;
        self.wait = SHORTEST_LOOK;
        self.look_at = Instant::now() + self.wait;
    }

    /// Called when no parked event was due: the next read is later. Ends the reads while nothing at all is parked,
    /// because only parked events can be flagged.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn nothing_was_due(
        &mut self,
        log: &dyn LogStore,
        longest: Duration,
    ) -> Result<(), StoreError> {
        if self.count_at <= Instant::now() {
            self.any = log.stats().await?.parked > 0;
            self.count_at = Instant::now() + COUNT_EVERY;
        }
        self.look_at = Instant::now() + self.wait;
        self.wait = (self.wait * 2).min(longest.max(SHORTEST_LOOK));
        Ok(())
    }
}

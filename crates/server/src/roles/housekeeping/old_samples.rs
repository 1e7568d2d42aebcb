//! Removes samples that have been kept for as long as their step says.

use std::sync::Arc;

use waybill_domain::sample::Step;
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, SampleStore};

/// How often to look, in milliseconds: in a minute a process writes six rows of the shorter step.
const EVERY_MS: i64 = 60_000;

/// When to look next.
pub struct OldSamples {
    store: Arc<dyn SampleStore>,
    /// Rows in a transaction at most.
    limit: usize,
    next: Time,
}

impl OldSamples {
    pub fn new(store: Arc<dyn SampleStore>, limit: usize) -> Self {
        Self {
            store,
            limit,
            next: Time(i64::MIN),
        }
    }

    /// Removes up to a transaction's rows of each step, if it is time. When there may be more, the next round goes on.
    ///
    /// # Errors
    /// The store's.
    pub async fn round(&mut self, now: Time) -> Result<usize, StoreError> {
        // A clock that was set back must not stop it.
        if now < self.next && self.next.ms_since(now) <= EVERY_MS {
            return Ok(0);
        }
        let (mut removed, mut is_done) = (0, true);
        for step in Step::ALL {
            let before = now.plus_ms(-step.kept_ms());
            let of_step = self.store.remove_samples(*step, before, self.limit).await?;
            removed += of_step;
            is_done &= of_step < self.limit;
        }
        if is_done {
            self.next = now.plus_ms(EVERY_MS);
        }
        Ok(removed)
    }
}

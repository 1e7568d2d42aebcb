//! What a person has asked of the relay, as this process last read it.
//!
//! Invariant: what was asked is seen by every process within [`LOOK_EVERY`], because each lane looks before it publishes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use waybill_store::{Error as StoreError, RelayState, RelayStore};

use super::figures::Figures;
use super::settings::CONSUMER;

/// The longest time for which what was read is still taken to be so.
pub const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often parked keys are counted, for the metric.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// Shared by the lanes of a process, so that they read once and not each.
pub struct Control {
    seen: Mutex<Option<Seen>>,
    figures: Figures,
}

struct Seen {
    at: Instant,
    state: Arc<RelayState>,
    counted_at: Instant,
    parked_keys: u64,
}

impl Control {
    pub fn new(figures: Figures) -> Self {
        Self {
            seen: Mutex::default(),
            figures,
        }
    }

    /// What is asked of the relay.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn look(&self, store: &dyn RelayStore) -> Result<Arc<RelayState>, StoreError> {
        let mut seen = self.seen.lock().await;
        if let Some(fresh) = &*seen
            && fresh.at.elapsed() < LOOK_EVERY
        {
            return Ok(fresh.state.clone());
        }
        let state = Arc::new(store.relay_state().await?);
        let counted = seen
            .as_ref()
            .map(|seen| (seen.counted_at, seen.parked_keys));
        let (counted_at, parked_keys) = match counted {
            Some((at, keys)) if at.elapsed() < COUNT_EVERY => (at, keys),
            _ => {
                let keys = store.parked_keys(CONSUMER).await?;
                (Instant::now(), keys.iter().map(|(_, keys)| keys).sum())
            }
        };
        self.figures.kept(state.pause.is_some(), parked_keys);
        *seen = Some(Seen {
            at: Instant::now(),
            state: state.clone(),
            counted_at,
            parked_keys,
        });
        Ok(state)
    }
}

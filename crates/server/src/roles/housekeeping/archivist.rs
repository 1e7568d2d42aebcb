//! Moves finished orders into the archive, slowly enough that nobody waits for it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use waybill_domain::time::Time;
use waybill_store::archive::Archiving;
use waybill_store::{Error as StoreError, Store};

use super::settings::HousekeepingSettings;

/// Orders in one transaction: on the embedded store, intake waits for it.
const AT_ONCE: usize = 20;

/// How long a second is, in milliseconds.
const SECOND_MS: u64 = 1_000;

/// Which orders are moved, and where the walk over them is.
pub struct Archivist {
    store: Arc<dyn Store>,
    /// `None` when no order is moved.
    after_ms: Option<i64>,
    /// Orders moved in a round.
    in_a_round: usize,
    /// The number that the walk has reached.
    reached: i64,
    /// Whether the store is one that orders leave, once that is known.
    is_whole: Option<bool>,
}

impl Archivist {
    pub fn new(store: Arc<dyn Store>, settings: &HousekeepingSettings) -> Self {
        let after_ms = settings.archive_after_ms.as_i64();
        let per_second = u64::from(settings.archive_per_second);
        let in_a_round = per_second * settings.interval_ms.get() / SECOND_MS;
        Self {
            store,
            after_ms: (after_ms > 0).then_some(after_ms),
            // No error: more orders than fit are all of them.
            in_a_round: usize::try_from(in_a_round.max(1)).unwrap_or(usize::MAX),
            reached: 0,
            is_whole: None,
        }
    }

    /// Moves the orders of a round; returns how many there were.
    ///
    /// # Errors
    /// The store's.
    pub async fn round(
        &mut self,
        now: Time,
        stop: &CancellationToken,
    ) -> Result<usize, StoreError> {
        let Some(after_ms) = self.after_ms else {
            return Ok(0);
        };
        if !self.is_whole().await? {
            return Ok(0);
        }
        let mut archived = 0;
        while archived < self.in_a_round && !stop.is_cancelled() {
            let which = Archiving {
                after: self.reached,
                before: now.plus_ms(-after_ms),
                limit: AT_ONCE.min(self.in_a_round - archived),
            };
            let look = self.store.archive(which).await?;
            archived += look.archived;
            self.reached = look.reached.unwrap_or(0);
            if look.reached.is_none() {
                break;
            }
        }
        Ok(archived)
    }

    /// Whether this store has both sides of an order. Where delivery has a store of its own, an order that left would
    /// leave its other side behind.
    async fn is_whole(&mut self) -> Result<bool, StoreError> {
        if let Some(known) = self.is_whole {
            return Ok(known);
        }
        let service = self.store.service(None).await?;
        if let Some(service) = service {
            tracing::warn!(%service, "housekeeping.archive_after_ms has no effect: orders are archived only where one store has them and their deliveries");
        }
        self.is_whole = Some(service.is_none());
        Ok(service.is_none())
    }
}

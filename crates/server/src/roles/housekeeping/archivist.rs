//! Moves finished orders into the archive, at a bounded rate, so that intake does not wait for it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use waybill_store::archive::{Archival, Archiving};
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Store};

use super::figures::Figures;
use super::settings::HousekeepingSettings;
use crate::context::ContextSource;

/// Orders in one transaction: on the embedded store, intake waits for it.
const AT_ONCE: u32 = 20;

/// Which orders are moved, and where the walk over them is.
pub struct Archivist {
    store: Arc<dyn Store>,
    contexts: ContextSource,
    figures: Figures,
    /// 0: no order is moved.
    after_ms: i64,
    per_second: u32,
    /// How long to rest after the last order that is old enough.
    rest: Duration,
    /// The number that the walk has reached.
    reached: i64,
    outage: Outage,
}

impl Archivist {
    pub fn new(
        store: Arc<dyn Store>,
        contexts: ContextSource,
        figures: Figures,
        housekeeping: &HousekeepingSettings,
    ) -> Self {
        Self {
            store,
            contexts,
            figures,
            after_ms: housekeeping.archive_after_ms.as_i64(),
            per_second: housekeeping.archive_per_second,
            rest: housekeeping.interval_ms.duration(),
            reached: 0,
            outage: Outage::new("archive", "finished orders cannot be moved"),
        }
    }

    /// Moves orders until it is stopped, if it has any to move.
    pub async fn run(mut self, stop: &CancellationToken) {
        if self.after_ms == 0 {
            return;
        }
        loop {
            let pause = match self.look().await {
                Ok(Some(pause)) => {
                    self.outage.worked();
                    pause
                }
                Ok(None) => return,
                Err(error) => {
                    self.outage.failed(&error);
                    self.rest
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Moves the next orders, and returns how long to pause then; `None` in a store that orders do not leave.
    async fn look(&mut self) -> Result<Option<Duration>, StoreError> {
        // Where delivery has a store of its own, an order that left would leave its other side behind.
        if let Some(service) = self.store.service(None).await? {
            tracing::warn!(%service, "housekeeping.archive_after_ms has no effect: orders are archived only where one store has them and their deliveries");
            return Ok(None);
        }
        let at_once = AT_ONCE.min(self.per_second);
        let which = Archiving {
            after: self.reached,
            before: self.contexts.now().plus_ms(-self.after_ms),
            limit: at_once as usize,
        };
        let Archival {
            archived,
            failed,
            reached,
        } = self.store.archive(which).await?;
        self.figures.orders_archived.inc_by(archived as u64);
        for (order_id, error) in failed {
            tracing::error!(%order_id, error, "a finished order cannot be moved into the archive; it stays");
        }
        self.reached = reached.unwrap_or(0);
        let pace = Duration::from_secs(1) * at_once / self.per_second;
        Ok(Some(match reached {
            Some(_) => pace,
            None => pace.max(self.rest),
        }))
    }
}

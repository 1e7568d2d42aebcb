//! The role `housekeeping`: deletes what has expired and archives finished orders, in small batches, and finds orders
//! that are stuck.
//!
//! One process at a time does it. Two that overlap for a moment do no harm, because they delete expired rows only, and an order is moved
//! once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_domain::stuck;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Lease, Store};

use super::archivist::Archivist;
use super::figures::Figures;
use super::old_samples::OldSamples;
use super::settings::HousekeepingSettings;
use super::watchdog::Watchdog;
use crate::consumers::partition_task::PartitionTask;
use crate::context::ContextSource;

/// The lease that lets one process of all do it.
pub const CONSUMER: &str = "housekeeping";

/// Deletes and looks while this process has the lease.
pub struct Housekeeping {
    store: Arc<dyn Store>,
    contexts: ContextSource,
    figures: Figures,
    settings: HousekeepingSettings,
    interval: Duration,
    batch_limit: usize,
    stuck_after_ms: i64,
    outage: Outage,
}

impl Housekeeping {
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
            settings: housekeeping.clone(),
            interval: housekeeping.interval_ms.duration(),
            batch_limit: housekeeping.batch_limit as usize,
            stuck_after_ms: housekeeping.stuck_after_ms.as_i64(),
            outage: Outage::new(
                CONSUMER,
                "expired claims and stuck orders cannot be looked for",
            ),
        }
    }
}

#[async_trait]
impl PartitionTask for Housekeeping {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    /// One task for the whole log.
    fn partitions(&self) -> u16 {
        1
    }

    async fn act(
        &self,
        _lease: Lease,
        _cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let archivist = Archivist::new(
            self.store.clone(),
            self.contexts.clone(),
            self.figures.clone(),
            &self.settings,
        );
        tokio::join!(self.rounds(&stop), archivist.run(&stop));
        Ok(())
    }
}

impl Housekeeping {
    async fn rounds(&self, stop: &CancellationToken) {
        let mut watchdog = Watchdog::default();
        let mut old_samples = OldSamples::new(self.store.clone(), self.batch_limit);
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = stop.cancelled() => {
                    // The process that has the lease next shows the figures from now on.
                    watchdog.end(&self.figures);
                    return;
                }
            }
            match self.round(&mut watchdog, &mut old_samples, stop).await {
                Ok(()) => self.outage.worked(),
                Err(error) => self.outage.failed(&error),
            }
        }
    }

    async fn round(
        &self,
        watchdog: &mut Watchdog,
        old_samples: &mut OldSamples,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let now = self.contexts.now();
            let forgotten = self.store.forget_claims(now, self.batch_limit).await?;
            self.figures.claims_forgotten.inc_by(forgotten as u64);
            if forgotten < self.batch_limit {
                break;
            }
        }
        let now = self.contexts.now();
        let before = stuck::still_since(now, self.stuck_after_ms);
        watchdog
            .look(&*self.store, before, self.batch_limit)
            .await?;
        watchdog.show(&self.figures, now);
        let removed = old_samples.round(now).await?;
        self.figures.samples_removed.inc_by(removed as u64);
        Ok(())
    }
}

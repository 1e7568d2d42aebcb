//! The loop of the role `stock-sync`: which vendor's stock is read when.
//!
//! One process at a time does it. Two that overlap for a moment do no harm: each row is written over the version that
//! was read.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::vendor::{self, StockSync, VendorRecord};
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Lease};

use super::entering;
use super::reading::Readings;
use crate::config;
use crate::consumers::partition_task::PartitionTask;
use crate::vendors::MOST_VENDORS;

/// How often it is looked whether a reading is due, with vendors in use and without: as often as this, or four times an
/// interval.
const LOOK: Duration = Duration::from_millis(250);
const LOOK_FOR_VENDORS: Duration = Duration::from_secs(1);

/// The lease that lets one process of all do it.
pub const CONSUMER: &str = "stock-sync";

type Key = (Tenant, Vendor);

/// Reads stock while this process has the lease.
pub struct StockSyncTask {
    readings: Arc<Readings>,
    /// Those of the settings.
    configured: Vec<(Vendor, String)>,
    interval: Duration,
    at_once: usize,
    outage: Outage,
}

impl StockSyncTask {
    pub fn new(
        readings: Readings,
        configured: Vec<(Vendor, String)>,
        settings: &config::Vendors,
    ) -> Self {
        Self {
            readings: Arc::new(readings),
            configured,
            interval: settings.sync_interval_ms.duration(),
            at_once: settings.syncs_at_once as usize,
            outage: Outage::new(CONSUMER, "the stock of vendors cannot be written"),
        }
    }

    /// Every vendor in use with how its last reading went.
    async fn vendors(&self) -> Result<Vec<(VendorRecord, StockSync)>, StoreError> {
        let store = &self.readings.store;
        let vendors = store.vendors_in_use(MOST_VENDORS).await?;
        self.readings.callers.keep(&vendors);
        if vendors.is_empty() {
            return Ok(vec![]);
        }
        let syncs = store.stock_syncs(None, MOST_VENDORS).await?;
        Ok(vendor::with_syncs(vendors, syncs))
    }

    /// Begins the readings that are due and not under way; when to look again.
    async fn begin(&self, running: &mut Running) -> Result<Duration, StoreError> {
        let vendors = self.vendors().await?;
        let look = if vendors.is_empty() {
            LOOK_FOR_VENDORS
        } else {
            LOOK
        };
        let now = self.readings.contexts.now();
        self.readings.figures.show_age(&vendors, now);
        let interval_ms = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        let mut due: Vec<_> = vendors
            .into_iter()
            .filter(|(_, sync)| sync.is_due(now, interval_ms))
            .collect();
        // The one that was tried longest ago comes first, so that slow vendors do not keep others waiting for a place.
        due.sort_by_key(|(_, sync)| sync.tried_at);
        for (vendor, sync) in due {
            if running.tasks.len() < self.at_once {
                running.begin(&self.readings, vendor, sync);
            }
        }
        Ok(look.min(self.interval / 4))
    }
}

/// The readings under way.
#[derive(Default)]
struct Running {
    tasks: JoinSet<(Key, Result<(), StoreError>)>,
    of: HashSet<Key>,
}

impl Running {
    fn begin(&mut self, readings: &Arc<Readings>, vendor: VendorRecord, sync: StockSync) {
        let key = (vendor.tenant.clone(), vendor.name.clone());
        if !self.of.insert(key.clone()) {
            return;
        }
        let readings = readings.clone();
        self.tasks
            .spawn(async move { (key, readings.read(&vendor, &sync).await) });
    }

    /// Waits for the next one to end; for ever when there is none.
    async fn ended(&mut self) -> Result<(), StoreError> {
        match self.tasks.join_next().await {
            Some(Ok((key, result))) => {
                self.of.remove(&key);
                result
            }
            // A reading that panicked: none may be taken for running.
            Some(Err(error)) => {
                self.tasks.abort_all();
                self.of.clear();
                Err(StoreError::unavailable(format!(
                    "a reading failed: {error}"
                )))
            }
            None => std::future::pending().await,
        }
    }
}

#[async_trait]
impl PartitionTask for StockSyncTask {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    /// One task for all vendors.
    fn partitions(&self) -> u16 {
        1
    }

    async fn act(
        &self,
        _lease: Lease,
        _cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let mut running = Running::default();
        let (store, contexts) = (&*self.readings.store, &self.readings.contexts);
        entering::enter(store, contexts, &self.configured).await?;
        let mut look = tokio::time::Instant::now();
        loop {
            let result = tokio::select! {
                () = stop.cancelled() => {
                    // The process that has the lease next shows the figures from now on.
                    self.readings.figures.end();
                    return Ok(());
                }
                ended = running.ended() => ended,
                () = tokio::time::sleep_until(look) => {
                    let begun = self.begin(&mut running).await;
                    let pause = begun.as_ref().map_or(LOOK_FOR_VENDORS, |pause| *pause);
                    look = tokio::time::Instant::now() + pause;
                    begun.map(drop)
                }
            };
            match result {
                Ok(()) => self.outage.worked(),
                Err(error) => self.outage.failed(&error),
            }
        }
    }
}

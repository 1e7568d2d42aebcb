//! The loop of the role `allocation`: which vendors have work, and how many workers each has.
//!
//! One process at a time does it. Two that overlap for a moment do no harm: each piece of work is leased to one worker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waybill_broker::log_growth::LogGrowth;
use waybill_domain::sourcing_task;
use waybill_domain::text::{Sku, Tenant};
use waybill_domain::vendor::VendorRecord;
use waybill_domain::vendor_call;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Lease};

use super::asking::Asking;
use crate::config;
use crate::consumers::partition_task::PartitionTask;

/// How often it is looked whether there is work when nothing happens: calls that are to be made again become due.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is looked for orders whose time has passed, and whether there is a vendor or a waiting order.
const EACH_SECOND: Duration = Duration::from_secs(1);
/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(5);
/// The least time from one look at all skus that orders wait for to the next.
const EACH_MINUTE: Duration = Duration::from_secs(60);
/// Skus that are looked at in a second.
const SKUS: usize = 100;

/// The lease that lets one process of all do it.
pub const CONSUMER: &str = "allocation";

/// Asks vendors while this process has the lease.
pub struct AllocationTask {
    asking: Arc<Asking>,
    growth: Arc<LogGrowth>,
    /// Workers of one vendor.
    at_once: usize,
    outage: Outage,
}

impl AllocationTask {
    pub fn new(asking: Arc<Asking>, growth: Arc<LogGrowth>, settings: &config::Vendors) -> Self {
        Self {
            asking,
            growth,
            at_once: settings.calls_at_once as usize,
            outage: Outage::new(CONSUMER, "vendors cannot be asked"),
        }
    }

    /// Ends the wait of orders whose time has passed, looks whether there is something for orders that wait, and whether
    /// work may come at any time: there is a vendor, or an order waits.
    async fn each_second(&self, looked: &mut Looked) -> Result<(), StoreError> {
        self.asking.end_overdue().await?;
        if looked.after.is_some() || looked.at.elapsed() >= EACH_MINUTE {
            looked.at = Instant::now();
            let after = looked.after.take();
            looked.after = self.asking.look_for_waiting(after, SKUS).await?;
        }
        let store = &self.asking.store;
        looked.may_have_work = !store.vendors_in_use(1).await?.is_empty()
            || !store.waiting_skus(None, 1).await?.is_empty();
        Ok(())
    }

    /// Starts workers for the vendors that have work.
    async fn start(
        &self,
        workers: &mut Workers,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let now = self.asking.contexts.now();
        for target in self.asking.store.targets_with_work(now).await? {
            if target == sourcing_task::TARGET {
                workers.start_tasks(&self.asking, stop);
                continue;
            }
            if workers.are_full(&target, self.at_once) {
                continue;
            }
            let Some((tenant, name)) = vendor_call::vendor_of(&target) else {
                continue;
            };
            // Also one that was removed: what it was asked for before is still taken in.
            if let Some(vendor) = self.asking.store.vendor(&tenant, &name).await? {
                workers.start(&self.asking, &target, &vendor, stop);
            }
        }
        Ok(())
    }
}

/// What the looks of each second have found.
struct Looked {
    /// Whether work may come at any time.
    may_have_work: bool,
    /// When skus that orders wait for were last looked at.
    at: Instant,
    /// The last sku that was looked at; `None` after all of them.
    after: Option<(Tenant, Sku)>,
}

impl Default for Looked {
    fn default() -> Self {
        Self {
            may_have_work: true,
            at: Instant::now(),
            after: None,
        }
    }
}

/// The workers that are running, by where their work waits.
#[derive(Default)]
struct Workers {
    tasks: JoinSet<Result<(), StoreError>>,
    /// Where the work of each waits.
    targets: HashMap<Id, String>,
    of: HashMap<String, usize>,
}

impl Workers {
    fn are_full(&self, target: &str, most: usize) -> bool {
        self.of.get(target).is_some_and(|running| *running >= most)
    }

    /// Starts one worker more for a vendor; it ends when it finds no work. One at each look is enough: a worker that finds
    /// nothing has cost a transaction.
    fn start(
        &mut self,
        asking: &Arc<Asking>,
        target: &str,
        vendor: &VendorRecord,
        stop: &CancellationToken,
    ) {
        let (asking, place) = (asking.clone(), target.to_owned());
        let (vendor, stop) = (vendor.clone(), stop.clone());
        self.spawn(target, async move {
            asking.work_off(&place, &vendor, &stop).await
        });
    }

    /// Starts the one worker that does other tasks than calls, if it does not run.
    fn start_tasks(&mut self, asking: &Arc<Asking>, stop: &CancellationToken) {
        if !self.are_full(sourcing_task::TARGET, 1) {
            let (asking, stop) = (asking.clone(), stop.clone());
            self.spawn(sourcing_task::TARGET, async move {
                asking.do_tasks(&stop).await
            });
        }
    }

    fn spawn(
        &mut self,
        target: &str,
        work: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) {
        *self.of.entry(target.to_owned()).or_default() += 1;
        let task = self.tasks.spawn(work);
        self.targets.insert(task.id(), target.to_owned());
    }

    /// Waits for the next one to end; for ever when there is none.
    async fn ended(&mut self) -> Result<(), StoreError> {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let target = self.targets.remove(&id);
        if let Some(running) = target.and_then(|target| self.of.get_mut(&target)) {
            *running = running.saturating_sub(1);
        }
        match ended {
            Ok((_, result)) => result,
            // A worker that panicked: its piece is leased and comes again when the lease has run out.
            Err(error) => Err(StoreError::unavailable(format!("a worker failed: {error}"))),
        }
    }
}

#[async_trait]
impl PartitionTask for AllocationTask {
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
        let mut workers = Workers::default();
        let mut grown = self.growth.watch_all();
        let mut looked = Looked::default();
        let mut each_second = tokio::time::interval(EACH_SECOND);
        loop {
            let mut started = self.start(&mut workers, &stop).await;
            if started.is_ok() && each_second.tick().now_or_never().is_some() {
                started = self.each_second(&mut looked).await;
            }
            match &started {
                Ok(()) => self.outage.worked(),
                Err(error) => self.outage.failed(error),
            }
            // New work comes with an order's events. Looking after each commit would be too often.
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                () = stop.cancelled() => break,
                // Without a vendor, and while no order waits, little comes, and the log is not followed.
                _ = each_second.tick(), if !looked.may_have_work => {
                    if let Err(error) = self.each_second(&mut looked).await {
                        self.outage.failed(&error);
                    }
                }
                ended = workers.ended() => {
                    if let Err(error) = ended {
                        self.outage.failed(&error);
                        tokio::time::sleep(LOOK).await;
                    }
                }
                _ = grown.changed(), if looked.may_have_work => {}
                () = tokio::time::sleep(LOOK), if looked.may_have_work => {}
            }
        }
        // Workers end after the piece that they are at, so that its answer is taken in.
        while let Some(ended) = workers.tasks.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::warn!(%error, "a call to a vendor could not be taken in; it comes again");
            }
        }
        Ok(())
    }
}

//! The [`Store`] on PostgreSQL. Everything that writes runs in its own task, so that a caller that goes away does not
//! leave half a transaction sent.

use super::due::Looks;
use super::notify::Notifier;
use super::pipeline::{Sql, params};
use super::rows::Columns;
use super::shared::Shared;
use super::transaction::Commits;
use super::{
    accept, apply, claims, leases, log, once, orders, parked, shipments, stats, stock, work,
};
use crate::consume::{BatchDecision, Consumed};
use crate::error::{Error, Result};
use crate::model::{
    Accepted, ConsumerBatch, DeliveryOf, DueTimers, Flag, Identity, Lease, LeaseView, LeasedWork,
    OrderFilter, OrderRecord, OrderRef, Page, Parked, ParkedOutcome, PoolUse, Positions,
    ShipmentFilter, Snapshot, Stats, StockChange, StockOutcome, WorkOutcome,
};
use crate::steps;
use crate::store::Store;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio_postgres::types::Type;
use tokio_util::task::TaskTracker;
use waybill_domain::change::{Change, NewWork};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::intake::NewOrder;
use waybill_domain::once::CommandDone;
use waybill_domain::order::Order;
use waybill_domain::shipment::Shipment;
use waybill_domain::stock::StockRow;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// The shared store.
pub struct PostgresStore {
    shared: Arc<Shared>,
    /// The page of claims that is looked at next for expired ones.
    claims_walk: Arc<AtomicI64>,
    /// Where the search for stuck orders goes on.
    stuck_walk: Arc<AtomicI64>,
    due_looks: Looks,
    notifier: Mutex<Option<Notifier>>,
    writes: TaskTracker,
    closed: AtomicBool,
}

impl PostgresStore {
    pub(super) fn new(shared: Shared, notifier: Notifier) -> Self {
        Self {
            due_looks: Looks::new(shared.identity.partitions),
            shared: Arc::new(shared),
            claims_walk: Arc::default(),
            stuck_walk: Arc::default(),
            notifier: Mutex::new(Some(notifier)),
            writes: TaskTracker::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// What reads needs.
    fn read(&self) -> Result<&Commits> {
        self.check_open()?;
        Ok(&self.shared.commits)
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the store is closing"));
        }
        Ok(())
    }

    /// Runs a write to its end, whether or not somebody still waits for it.
    async fn write<T, F>(&self, run: impl FnOnce(Arc<Shared>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.check_open()?;
        let task = self.writes.spawn(run(self.shared.clone()));
        let gone = |_| Err(Error::OutcomeUnknown);
        task.await.unwrap_or_else(gone)
    }
}

static CHECK: Sql = Sql {
    text: "/* store::check_writable */ INSERT INTO meta (key, value) VALUES ('checked_at', $1) \
           ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    types: &[Type::TEXT],
};

/// Not of the transaction's beginning.
static TIME: Sql = Sql {
    text: "/* store::time */ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    types: &[],
};

#[async_trait]
impl Store for PostgresStore {
    fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    async fn time(&self) -> Result<Option<Time>> {
        let rows = self.read()?.read(&TIME, vec![]).await?;
        let now = rows.first().map(|row| Columns::of(row).time());
        now.transpose()
    }

    fn accept_concurrency(&self) -> usize {
        self.shared.options.accept_concurrency
    }

    async fn accept(&self, new: Vec<Arc<NewOrder>>) -> Result<Vec<Result<Accepted>>> {
        #[cfg(feature = "planted-defects")]
        if super::defects::defect("answer_before_commit") {
            let (shared, count) = (self.shared.clone(), new.len());
            let accepted = async move { accept::accept(&shared, &new).await };
            return super::defects::answer_early(count, accepted).await;
        }
        self.write(|shared| async move { accept::accept(&shared, &new).await })
            .await
    }

    async fn write_changes(
        &self,
        changes: Vec<Change>,
        lease: Option<Lease>,
    ) -> Result<Vec<Result<()>>> {
        self.write(|shared| async move { apply::advance(&shared, &changes, lease.as_ref()).await })
            .await
    }

    async fn command_done(&self, tenant: &Tenant, hash: [u8; 16]) -> Result<Option<CommandDone>> {
        let tenant = tenant.clone();
        self.write(|shared| async move {
            once::done(&shared.commits, &tenant, hash, (shared.now)()).await
        })
        .await
    }

    async fn order(&self, tenant: &Tenant, by: OrderRef) -> Result<Option<OrderRecord>> {
        orders::find(self.read()?, tenant, &by, (self.shared.now)()).await
    }

    async fn orders(&self, ids: Vec<OrderId>) -> Result<Vec<Order>> {
        orders::states(self.read()?, &ids).await
    }

    async fn list_orders(
        &self,
        tenant: &Tenant,
        filter: OrderFilter,
    ) -> Result<Page<OrderRecord, i64>> {
        let scan = self.shared.options.scan_limit;
        orders::list(self.read()?, tenant, &filter, scan).await
    }

    async fn stuck_orders(&self, before: Time, limit: usize) -> Result<Vec<(OrderId, Time)>> {
        let scan = self.shared.options.scan_limit;
        orders::stuck(self.read()?, &self.stuck_walk, before, limit, scan).await
    }

    async fn shipment(&self, tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>> {
        shipments::find(self.read()?, tenant, id).await
    }

    async fn deliveries(&self, orders: Vec<OrderId>) -> Result<Vec<DeliveryOf>> {
        shipments::deliveries(self.read()?, &orders).await
    }

    async fn list_shipments(
        &self,
        tenant: &Tenant,
        filter: ShipmentFilter,
    ) -> Result<Page<Shipment, ShipmentId>> {
        let scan = self.shared.options.scan_limit;
        shipments::list(self.read()?, tenant, &filter, scan).await
    }

    async fn due_timers(&self, partition: u16, now: Time, limit: usize) -> Result<DueTimers> {
        shipments::due_timers(self.read()?, &self.due_looks, partition, now, limit).await
    }

    async fn adjust_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>> {
        self.write(|shared| async move { stock::adjust(&shared, &changes).await })
            .await
    }

    async fn stock(
        &self,
        tenant: &Tenant,
        skus: Vec<String>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<StockRow, String>> {
        stock::list(self.read()?, tenant, skus, after.as_deref(), limit).await
    }

    async fn read_log(
        &self,
        partition: u16,
        after: i64,
        limit: usize,
        kinds: &'static [EventKind],
    ) -> Result<(Vec<LoggedEvent>, i64)> {
        let scan = self.shared.options.scan_limit;
        log::read(self.read()?, partition, after, limit, kinds, scan).await
    }

    async fn order_events(
        &self,
        tenant: &Tenant,
        id: OrderId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>> {
        log::read_order(self.read()?, tenant, id, after, limit).await
    }

    async fn feed(
        &self,
        tenant: &Tenant,
        after: Positions,
        limit: usize,
    ) -> Result<(Vec<LoggedEvent>, Positions)> {
        let scan = self.shared.options.scan_limit;
        log::read_feed(self.read()?, tenant, after, limit, scan).await
    }

    async fn snapshot(
        &self,
        tenant: &Tenant,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Snapshot> {
        let (scan, partitions) = (
            self.shared.options.scan_limit,
            self.shared.identity.partitions,
        );
        orders::snapshot(self.read()?, tenant, before, limit, scan, partitions).await
    }

    async fn keep_alive(
        &self,
        consumer: &str,
        owner: &str,
        now: Time,
        until: Time,
    ) -> Result<LeaseView> {
        leases::keep_alive(self.read()?, consumer, owner, now, until).await
    }

    async fn take_lease(
        &self,
        consumer: &str,
        partition: u16,
        owner: &str,
        now: Time,
        until: Time,
    ) -> Result<Option<(Lease, i64)>> {
        let (consumer, owner) = (consumer.to_owned(), owner.to_owned());
        self.write(|shared| async move {
            leases::take(&shared.commits, &consumer, partition, &owner, now, until).await
        })
        .await
    }

    async fn release_lease(&self, lease: &Lease, owner: &str) -> Result<()> {
        leases::release(self.read()?, lease, owner).await
    }

    async fn leave(&self, consumer: &str, owner: &str) -> Result<()> {
        leases::leave(self.read()?, consumer, owner).await
    }

    async fn consume(&self, batch: Arc<dyn BatchDecision>) -> Result<Consumed> {
        steps::in_three_steps(self, &*batch).await
    }

    async fn apply_batch(&self, batch: ConsumerBatch) -> Result<()> {
        self.write(|shared| async move { apply::apply(&shared, &batch).await })
            .await
    }

    async fn parked_orders(&self, consumer: &str, orders: Vec<OrderId>) -> Result<Vec<OrderId>> {
        parked::among(self.read()?, consumer, orders).await
    }

    async fn due_parked(
        &self,
        consumer: &str,
        partition: u16,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Parked>> {
        parked::due(self.read()?, consumer, partition, now, limit).await
    }

    async fn settle_parked(
        &self,
        lease: Lease,
        order: OrderId,
        position: i64,
        outcome: ParkedOutcome,
    ) -> Result<()> {
        self.write(|shared| async move {
            parked::settle(&shared, &lease, order, position, &outcome).await
        })
        .await
    }

    async fn list_parked(
        &self,
        tenant: &Tenant,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Parked, String>> {
        parked::list(self.read()?, tenant, after.as_deref(), limit).await
    }

    async fn flag_parked(&self, tenant: &Tenant, flag: Flag) -> Result<bool> {
        let tenant = tenant.clone();
        self.write(|shared| async move { parked::flag(&shared, &tenant, &flag).await })
            .await
    }

    async fn add_work(&self, tenant: &Tenant, pieces: Vec<NewWork>) -> Result<()> {
        work::add(self.read()?, tenant, &pieces).await
    }

    async fn lease_work(
        &self,
        target: &str,
        now: Time,
        until: Time,
        limit: usize,
    ) -> Result<Vec<LeasedWork>> {
        work::lease(self.read()?, target, now, until, limit).await
    }

    async fn settle_work(&self, piece: &LeasedWork, outcome: WorkOutcome) -> Result<()> {
        let piece = piece.clone();
        self.write(|shared| async move { work::settle(&shared, &piece, &outcome).await })
            .await
    }

    async fn forget_claims(&self, now: Time, limit: usize) -> Result<usize> {
        let (commits, scan) = (self.read()?, self.shared.options.scan_limit);
        stats::fold(commits, limit).await?;
        let commands = once::forget(commits, now, limit).await?;
        Ok(commands + claims::forget(commits, &self.claims_walk, now, limit, scan).await?)
    }

    async fn stats(&self) -> Result<Stats> {
        stats::read(self.read()?, self.shared.identity.partitions).await
    }

    fn pool_use(&self) -> Option<PoolUse> {
        Some(self.shared.commits.connections.waits.counts())
    }

    async fn check_writable(&self) -> Result<()> {
        let commits = self.read()?;
        let at = (self.shared.now)().0.to_string();
        let written = commits.write_through(&CHECK, params![at]).await;
        written.map_err(|error| match error {
            Error::OutcomeUnknown => {
                Error::unavailable("a commit did not reach its standby; ready again when one does")
            }
            other => other,
        })
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.writes.close();
        self.writes.wait().await;
        self.notifier.lock().take();
        self.shared.commits.connections.close();
    }
}

//! The [`Store`] on SQLite: each method gives one job to the writer or to a reader.

use super::lock::DirectoryLock;
use super::readers::Readers;
use super::schedule::Class;
use super::writer::Writer;
use super::{
    accept, apply, changes, claims, leases, log, once, orders, parked, shipments, stats, stock,
    work,
};
use crate::consume::{BatchDecision, Consumed};
use crate::error::Result;
use crate::model::{
    Accepted, ConsumerBatch, DeliveryOf, DueTimers, Flag, Identity, Lease, LeaseView, LeasedWork,
    OrderFilter, OrderRecord, OrderRef, Page, Parked, ParkedOutcome, Positions, ShipmentFilter,
    Snapshot, Stats, StockChange, StockOutcome, WorkOutcome,
};
use crate::store::{Now, Store};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
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

/// The embedded store.
pub struct SqliteStore {
    pub(super) identity: Identity,
    // Dropped in this order: readers hold snapshots, the writer empties its log, the lock goes last.
    pub(super) readers: Arc<Readers>,
    pub(super) writer: Arc<Writer>,
    pub(super) now: Now,
    pub(super) scan_limit: usize,
    pub(super) wal_bytes: Arc<AtomicU64>,
    pub(super) claims_walk: Arc<Mutex<claims::Walk>>,
    /// Where the search for stuck orders goes on.
    pub(super) stuck_walk: Arc<AtomicI64>,
    pub(super) lock: Mutex<Option<DirectoryLock>>,
}

#[async_trait]
impl Store for SqliteStore {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn time(&self) -> Result<Option<Time>> {
        Ok(None)
    }

    /// One is written while the next one gathers.
    fn accept_concurrency(&self) -> usize {
        2
    }

    async fn accept(&self, orders: Vec<Arc<NewOrder>>) -> Result<Vec<Result<Accepted>>> {
        self.writer
            .submit(Class::Foreground, move |tx| accept::accept(tx, &orders))
            .await
    }

    async fn write_changes(
        &self,
        changes: Vec<Change>,
        lease: Option<Lease>,
    ) -> Result<Vec<Result<()>>> {
        let class = if lease.is_some() {
            Class::Background
        } else {
            Class::Foreground
        };
        self.writer
            .submit(class, move |tx| {
                apply::advance(tx, &changes, lease.as_ref())
            })
            .await
    }

    async fn command_done(&self, tenant: &Tenant, hash: [u8; 16]) -> Result<Option<CommandDone>> {
        let (tenant, now) = (tenant.clone(), (self.now)());
        self.readers
            .read(move |c| once::done(c, &tenant, &hash, now))
            .await
    }

    async fn order(&self, tenant: &Tenant, by: OrderRef) -> Result<Option<OrderRecord>> {
        let (tenant, now) = (tenant.clone(), (self.now)());
        self.readers
            .read(move |c| orders::find(c, &tenant, &by, now))
            .await
    }

    async fn orders(&self, ids: Vec<OrderId>) -> Result<Vec<Order>> {
        self.readers.read(move |c| orders::states(c, &ids)).await
    }

    async fn list_orders(
        &self,
        tenant: &Tenant,
        filter: OrderFilter,
    ) -> Result<Page<OrderRecord, i64>> {
        let (tenant, scan) = (tenant.clone(), self.scan_limit);
        self.readers
            .read(move |c| orders::list(c, &tenant, &filter, scan))
            .await
    }

    async fn stuck_orders(&self, before: Time, limit: usize) -> Result<Vec<(OrderId, Time)>> {
        let (walk, scan) = (self.stuck_walk.clone(), self.scan_limit);
        self.readers
            .read(move |c| orders::stuck(c, &walk, before, limit, scan))
            .await
    }

    async fn shipment(&self, tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| shipments::find(c, &tenant, id))
            .await
    }

    async fn deliveries(&self, orders: Vec<OrderId>) -> Result<Vec<DeliveryOf>> {
        self.readers
            .read(move |c| shipments::deliveries(c, &orders))
            .await
    }

    async fn list_shipments(
        &self,
        tenant: &Tenant,
        filter: ShipmentFilter,
    ) -> Result<Page<Shipment, ShipmentId>> {
        let (tenant, scan) = (tenant.clone(), self.scan_limit);
        self.readers
            .read(move |c| shipments::list(c, &tenant, &filter, scan))
            .await
    }

    async fn due_timers(&self, _part: u16, now: Time, limit: usize) -> Result<DueTimers> {
        self.readers
            .read(move |c| shipments::due_timers(c, now, limit))
            .await
    }

    async fn adjust_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>> {
        self.writer
            .submit(Class::Foreground, move |tx| stock::adjust(tx, &changes))
            .await
    }

    async fn stock(
        &self,
        tenant: &Tenant,
        skus: Vec<String>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<StockRow, String>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| stock::list(c, &tenant, skus, after.as_deref(), limit))
            .await
    }

    async fn read_log(
        &self,
        partition: u16,
        after: i64,
        limit: usize,
        kinds: &'static [EventKind],
    ) -> Result<(Vec<LoggedEvent>, i64)> {
        let scan = self.scan_limit;
        self.readers
            .read(move |c| log::read(c, partition, after, limit, kinds, scan))
            .await
    }

    async fn order_events(
        &self,
        tenant: &Tenant,
        id: OrderId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| log::read_order(c, &tenant, id, after, limit))
            .await
    }

    async fn feed(
        &self,
        tenant: &Tenant,
        after: Positions,
        limit: usize,
    ) -> Result<(Vec<LoggedEvent>, Positions)> {
        let (tenant, scan, after) = (tenant.clone(), self.scan_limit, after.of(log::PART));
        let read = self
            .readers
            .read(move |c| log::read_feed(c, &tenant, after, limit, scan));
        let (events, reached) = read.await?;
        Ok((events, Positions(vec![reached])))
    }

    async fn snapshot(
        &self,
        tenant: &Tenant,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Snapshot> {
        let (tenant, scan) = (tenant.clone(), self.scan_limit);
        self.readers
            .read(move |c| orders::snapshot(c, &tenant, before, limit, scan))
            .await
    }

    async fn keep_alive(
        &self,
        consumer: &str,
        owner: &str,
        now: Time,
        until: Time,
    ) -> Result<LeaseView> {
        let (consumer, owner) = (consumer.to_owned(), owner.to_owned());
        self.writer
            .submit(Class::Background, move |tx| {
                leases::keep_alive(tx, &consumer, &owner, now, until)
            })
            .await
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
        self.writer
            .submit(Class::Background, move |tx| {
                leases::take(tx, &consumer, partition, &owner, now, until)
            })
            .await
    }

    async fn release_lease(&self, lease: &Lease, owner: &str) -> Result<()> {
        let (lease, owner) = (lease.clone(), owner.to_owned());
        self.writer
            .submit(Class::Background, move |tx| {
                leases::release(tx, &lease, &owner)
            })
            .await
    }

    async fn leave(&self, consumer: &str, owner: &str) -> Result<()> {
        let (consumer, owner) = (consumer.to_owned(), owner.to_owned());
        self.writer
            .submit(Class::Background, move |tx| {
                leases::leave(tx, &consumer, &owner)
            })
            .await
    }

    /// One job of the writer: nothing can change between what is read and what is written, so there are no conflicts.
    async fn consume(&self, batch: Arc<dyn BatchDecision>) -> Result<Consumed> {
        self.writer
            .submit(Class::Background, move |tx| apply::consume(tx, &*batch))
            .await
    }

    async fn apply_batch(&self, batch: ConsumerBatch) -> Result<()> {
        self.writer
            .submit(Class::Background, move |tx| apply::apply(tx, &batch))
            .await
    }

    async fn parked_orders(&self, consumer: &str, orders: Vec<OrderId>) -> Result<Vec<OrderId>> {
        let consumer = consumer.to_owned();
        self.readers
            .read(move |c| parked::among(c, &consumer, orders))
            .await
    }

    async fn due_parked(
        &self,
        consumer: &str,
        partition: u16,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Parked>> {
        let consumer = consumer.to_owned();
        self.readers
            .read(move |c| parked::due(c, &consumer, partition, now, limit))
            .await
    }

    async fn settle_parked(
        &self,
        lease: Lease,
        order: OrderId,
        position: i64,
        outcome: ParkedOutcome,
    ) -> Result<()> {
        self.writer
            .submit(Class::Background, move |tx| {
                parked::settle(tx, &lease, order, position, &outcome)
            })
            .await
    }

    async fn list_parked(
        &self,
        tenant: &Tenant,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Parked, String>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| parked::list(c, &tenant, after.as_deref(), limit))
            .await
    }

    async fn flag_parked(&self, tenant: &Tenant, flag: Flag) -> Result<bool> {
        let tenant = tenant.clone();
        self.writer
            .submit(Class::Foreground, move |tx| {
                parked::flag(tx, &tenant, &flag)
            })
            .await
    }

    async fn add_work(&self, tenant: &Tenant, work: Vec<NewWork>) -> Result<()> {
        let tenant = tenant.clone();
        self.writer
            .submit(Class::Background, move |tx| {
                changes::add_work(tx, &tenant, &work)
            })
            .await
    }

    async fn lease_work(
        &self,
        target: &str,
        now: Time,
        until: Time,
        limit: usize,
    ) -> Result<Vec<LeasedWork>> {
        let target = target.to_owned();
        self.writer
            .submit(Class::Background, move |tx| {
                work::lease(tx, &target, now, until, limit)
            })
            .await
    }

    async fn settle_work(&self, piece: &LeasedWork, outcome: WorkOutcome) -> Result<()> {
        let (id, epoch, target) = (piece.id, piece.epoch, piece.target.clone());
        self.writer
            .submit(Class::Background, move |tx| {
                work::settle(tx, id, epoch, &target, &outcome)
            })
            .await
    }

    async fn forget_claims(&self, now: Time, limit: usize) -> Result<usize> {
        let (walk, scan) = (self.claims_walk.clone(), self.scan_limit);
        self.writer
            .submit(Class::Background, move |tx| {
                let commands = once::forget(tx, now, limit)?;
                Ok(commands + claims::forget(tx, &mut walk.lock(), now, limit, scan)?)
            })
            .await
    }

    async fn stats(&self) -> Result<Stats> {
        let mut stats = self.readers.read(stats::read).await?;
        stats.wal_bytes = self.wal_bytes.load(Ordering::Relaxed);
        (stats.queue_foreground, stats.queue_background) = self.writer.waiting();
        (stats.readers, stats.readers_idle) = self.readers.counts();
        Ok(stats)
    }

    async fn check_writable(&self) -> Result<()> {
        self.writer
            .submit(Class::Foreground, |tx| {
                // A write of its own, so that a full disk is found out.
                let at = tx.now.0.to_string();
                tx.execute("INSERT INTO meta (key, value) VALUES ('checked_at', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [at])?;
                Ok(())
            })
            .await
    }

    async fn close(&self) {
        let (writer, readers) = (self.writer.clone(), self.readers.clone());
        // Joining threads blocks; other tasks go on meanwhile.
        let closed = tokio::task::spawn_blocking(move || {
            readers.close();
            writer.close();
        });
        if closed.await.is_err() {
            tracing::error!("closing the store panicked");
        }
        self.lock.lock().take();
    }
}

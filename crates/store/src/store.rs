//! The trait that the rest of Waybill uses. Calls are in batches; every driver passes `conformance`.

use crate::consume::{BatchDecision, Consumed};
use crate::error::Result;
use crate::model::{
    Accepted, ConsumerBatch, DeliveryOf, DueTimers, Flag, Identity, Lease, LeaseView, LeasedWork,
    OrderFilter, OrderRecord, OrderRef, Page, Parked, ParkedOutcome, PoolUse, Positions,
    ShipmentFilter, Snapshot, Stats, StockChange, StockOutcome, WorkOutcome,
};
use async_trait::async_trait;
use std::sync::Arc;
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

/// The injected clock.
pub type Now = Arc<dyn Fn() -> Time + Send + Sync>;

/// Hears of the log's growth right after the commit that made it durable. Must return at once: the writer waits.
pub trait CommitListener: Send + Sync + 'static {
    /// Every event, in the order of the log. Called by a store that alone writes its log ([`Identity::one_writer`]),
    /// and by no other.
    fn committed(&self, events: &Arc<[LoggedEvent]>);

    /// A partition has grown, by this process or another: who reads it may look again. Called by a store that shares
    /// its log; it may be called for nothing, and a call may get lost with a connection.
    fn grown(&self, partition: u16);
}

/// A durable store. See the crate's documentation for what `Ok` and `Err` promise.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Who this store is.
    fn identity(&self) -> &Identity;

    /// What time it is by the store's own clock, which all processes that share it can see; `None` where one process
    /// has the store and its clock is as good as any.
    async fn time(&self) -> Result<Option<Time>>;

    /// How many [`Store::accept`] calls are worth having under way at once.
    fn accept_concurrency(&self) -> usize;

    // --- orders ---------------------------------------------------------------------------------

    /// Takes a batch of orders in one transaction; one result per order, in order. An order at fault fails
    /// alone.
    async fn accept(&self, orders: Vec<Arc<NewOrder>>) -> Result<Vec<Result<Accepted>>>;

    /// Writes changes that stand for themselves (commands, timers, expiries); one result per change. With a
    /// lease, everything is fenced by it.
    async fn write_changes(
        &self,
        changes: Vec<Change>,
        lease: Option<Lease>,
    ) -> Result<Vec<Result<()>>>;

    /// What was done with the key of a command, if it was used and has not expired. A change or a flag whose key was used
    /// is [`crate::Error::Conflict`], and nothing of it is written.
    async fn command_done(&self, tenant: &Tenant, hash: [u8; 16]) -> Result<Option<CommandDone>>;

    /// One order of a tenant.
    async fn order(&self, tenant: &Tenant, by: OrderRef) -> Result<Option<OrderRecord>>;

    /// The changing part of several orders, whichever tenant's; those not found are left out.
    async fn orders(&self, ids: Vec<OrderId>) -> Result<Vec<Order>>;

    /// A page of a tenant's orders, newest first.
    async fn list_orders(
        &self,
        tenant: &Tenant,
        filter: OrderFilter,
    ) -> Result<Page<OrderRecord, i64>>;

    /// Orders that are neither done nor were touched since `before`; for the watchdog. A call looks at a bounded
    /// number of orders and the next one goes on from there, round and round.
    async fn stuck_orders(&self, before: Time, limit: usize) -> Result<Vec<(OrderId, Time)>>;

    // --- shipments ------------------------------------------------------------------------------

    /// One shipment of a tenant.
    async fn shipment(&self, tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>>;

    /// What delivery holds of several orders.
    async fn deliveries(&self, orders: Vec<OrderId>) -> Result<Vec<DeliveryOf>>;

    /// A page of a tenant's shipments, newest first.
    async fn list_shipments(
        &self,
        tenant: &Tenant,
        filter: ShipmentFilter,
    ) -> Result<Page<Shipment, ShipmentId>>;

    /// Timers of a partition that are due, oldest first, with their shipments, and when the next one after them is.
    async fn due_timers(&self, partition: u16, now: Time, limit: usize) -> Result<DueTimers>;

    // --- stock ----------------------------------------------------------------------------------

    /// Changes stock rows; one outcome per change, in order.
    async fn adjust_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>>;

    /// A page of stock rows by sku and vendor; `skus` empty means all. `after` is the `next` of the page before.
    async fn stock(
        &self,
        tenant: &Tenant,
        skus: Vec<String>,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<StockRow, String>>;

    // --- log ------------------------------------------------------------------------------------

    /// Events of `kinds` of a partition after a position, oldest first, and the position looked up to; looks at a bounded
    /// number of events.
    async fn read_log(
        &self,
        partition: u16,
        after: i64,
        limit: usize,
        kinds: &'static [EventKind],
    ) -> Result<(Vec<LoggedEvent>, i64)>;

    /// Everything about one order, oldest first, after a position.
    async fn order_events(
        &self,
        tenant: &Tenant,
        id: OrderId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>>;

    /// A tenant's events after a position in each partition, each partition's oldest first, and the positions the scan
    /// reached. `after` has one position per partition.
    async fn feed(
        &self,
        tenant: &Tenant,
        after: Positions,
        limit: usize,
    ) -> Result<(Vec<LoggedEvent>, Positions)>;

    /// A page of a tenant's orders, newest first, below a number, and the positions of the log at which exactly
    /// this is what they are.
    async fn snapshot(
        &self,
        tenant: &Tenant,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Snapshot>;

    // --- consumers ------------------------------------------------------------------------------

    /// Says that a process acts as a consumer until a time, renews every lease it holds there, and tells who else
    /// does at `now`, and who holds what.
    async fn keep_alive(
        &self,
        consumer: &str,
        owner: &str,
        now: Time,
        until: Time,
    ) -> Result<LeaseView>;

    /// Takes the lease of a consumer on a partition, with a new epoch, and says where its cursor stands; `None` while
    /// somebody else holds it at `now`. One's own lease is taken anew.
    async fn take_lease(
        &self,
        consumer: &str,
        partition: u16,
        owner: &str,
        now: Time,
        until: Time,
    ) -> Result<Option<(Lease, i64)>>;

    /// Hands a lease back, so that the next owner need not wait; one that was taken over is nobody's to give.
    async fn release_lease(&self, lease: &Lease, owner: &str) -> Result<()>;

    /// Says that a process is no longer a consumer; its leases are free.
    async fn leave(&self, consumer: &str, owner: &str) -> Result<()>;

    /// Loads what a batch has to know, decides it, and writes its effects and the cursor in one transaction. Returns
    /// what was written.
    ///
    /// Fails with [`crate::Error::Conflict`] where another process changed or parked an order meanwhile; nothing is
    /// written, and the caller decides again.
    async fn consume(&self, batch: Arc<dyn BatchDecision>) -> Result<Consumed>;

    /// Writes a batch's effects and the cursor in one transaction.
    ///
    /// Fails with [`crate::Error::Conflict`] when an order was changed or parked meanwhile; nothing is written.
    async fn apply_batch(&self, apply: ConsumerBatch) -> Result<()>;

    /// Orders among `orders` that are parked for a consumer.
    async fn parked_orders(&self, consumer: &str, orders: Vec<OrderId>) -> Result<Vec<OrderId>>;

    /// The first parked event of each order that is due or flagged.
    async fn due_parked(
        &self,
        consumer: &str,
        partition: u16,
        now: Time,
        limit: usize,
    ) -> Result<Vec<Parked>>;

    /// Records what became of a parked event, fenced by the lease.
    async fn settle_parked(
        &self,
        lease: Lease,
        order: OrderId,
        position: i64,
        outcome: ParkedOutcome,
    ) -> Result<()>;

    /// A page of a tenant's dead letters: the first parked event of each order.
    async fn list_parked(
        &self,
        tenant: &Tenant,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page<Parked, String>>;

    /// Flags a parked event for its owner; `false` when there is none.
    async fn flag_parked(&self, tenant: &Tenant, flag: Flag) -> Result<bool>;

    // --- work -----------------------------------------------------------------------------------

    /// Adds work outside of a change.
    async fn add_work(&self, tenant: &Tenant, work: Vec<NewWork>) -> Result<()>;

    /// Leases due work of a target until a time.
    async fn lease_work(
        &self,
        target: &str,
        now: Time,
        until: Time,
        limit: usize,
    ) -> Result<Vec<LeasedWork>>;

    /// Records what became of leased work, fenced by its epoch.
    async fn settle_work(&self, work: &LeasedWork, outcome: WorkOutcome) -> Result<()>;

    // --- keeping house --------------------------------------------------------------------------

    /// Deletes up to `limit` expired claims; says how many. A call looks at a bounded number of claims and the
    /// next one goes on from there, round and round.
    async fn forget_claims(&self, now: Time, limit: usize) -> Result<usize>;

    /// Figures for people and metrics; counts a bounded number of rows.
    async fn stats(&self) -> Result<Stats>;

    /// Who waits for a connection, told without one; `None` for a store without a pool.
    fn pool_use(&self) -> Option<PoolUse> {
        None
    }

    /// Whether a commit is possible now.
    async fn check_writable(&self) -> Result<()>;

    /// Whether what is stored can be read now.
    async fn check_readable(&self) -> Result<()> {
        self.stats().await.map(drop)
    }

    /// Finishes what was submitted and closes the store. Calls after it fail.
    async fn close(&self);
}

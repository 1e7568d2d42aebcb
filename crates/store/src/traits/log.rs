//! The log of events, and the consumers that read it: their leases, and the events parked for them.

use super::base::StoreBase;
use crate::error::Result;
use crate::model::{Flag, Lease, LeaseView, Page, Parked, Positions};
use async_trait::async_trait;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// The log and its consumers. A consumer's effects are written with its cursor by [`super::EffectStore`].
#[async_trait]
pub trait LogStore: StoreBase {
    /// Events of `kinds` of a partition after a position, oldest first, and the position looked up to; looks at a bounded
    /// number of events.
    async fn read_log(
        &self,
        partition: u16,
        after: i64,
        limit: usize,
        kinds: &'static [EventKind],
    ) -> Result<(Vec<LoggedEvent>, i64)>;

    /// All events of one order after a position, oldest first.
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

    /// Registers a process as a member of a consumer until a time, renews every lease it holds there, and returns the
    /// members at `now` and the leases they hold.
    async fn keep_alive(
        &self,
        consumer: &str,
        owner: &str,
        now: Time,
        until: Time,
    ) -> Result<LeaseView>;

    /// Takes the lease of a consumer on a partition, with a new epoch, and returns it with the cursor's position;
    /// `None` while another owner holds it at `now`. An owner's own lease is taken again under a new epoch.
    async fn take_lease(
        &self,
        consumer: &str,
        partition: u16,
        owner: &str,
        now: Time,
        until: Time,
    ) -> Result<Option<(Lease, i64)>>;

    /// Ends a lease early, so that the next owner need not wait. A lease that was taken over stays as it is.
    async fn release_lease(&self, lease: &Lease, owner: &str) -> Result<()>;

    /// Removes a process from a consumer's members and ends its leases.
    async fn leave(&self, consumer: &str, owner: &str) -> Result<()>;

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

    /// A page of a tenant's dead letters: the first parked event of each order.
    async fn list_parked(
        &self,
        tenant: &Tenant,
        after: Option<ParkedPlace>,
        limit: usize,
    ) -> Result<Page<Parked, ParkedPlace>>;

    /// Flags a parked event for its owner; `false` when there is none.
    async fn flag_parked(&self, tenant: &Tenant, flag: Flag) -> Result<bool>;
}

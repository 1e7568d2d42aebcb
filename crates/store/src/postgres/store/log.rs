//! The log, leases and parked events.

use super::super::{feed, leases, log, parked};
use super::PostgresStore;
use crate::error::Result;
use crate::model::{Flag, Lease, LeaseView, Page, Parked, Positions};
use crate::traits::LogStore;
use async_trait::async_trait;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

#[async_trait]
impl LogStore for PostgresStore {
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
        feed::read(self.read()?, tenant, after, limit, scan).await
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

    async fn list_parked(
        &self,
        tenant: &Tenant,
        after: Option<ParkedPlace>,
        limit: usize,
    ) -> Result<Page<Parked, ParkedPlace>> {
        parked::list(self.read()?, tenant, after.as_ref(), limit).await
    }

    async fn flag_parked(&self, tenant: &Tenant, flag: Flag) -> Result<bool> {
        let tenant = tenant.clone();
        self.write(|shared| async move { parked::flag(&shared, &tenant, &flag).await })
            .await
    }
}

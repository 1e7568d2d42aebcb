//! The log, leases and parked events.

use super::super::schedule::Class;
use super::super::{leases, log, parked};
use super::SqliteStore;
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
impl LogStore for SqliteStore {
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

    async fn list_parked(
        &self,
        tenant: &Tenant,
        after: Option<ParkedPlace>,
        limit: usize,
    ) -> Result<Page<Parked, ParkedPlace>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| parked::list(c, &tenant, after.as_ref(), limit))
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
}

//! Orders: taking them and reading them.

use super::super::schedule::Class;
use super::super::{accept, backorders, orders};
use super::SqliteStore;
use crate::error::Result;
use crate::model::{Accepted, OrderFilter, OrderRecord, OrderRef, Page, Snapshot};
use crate::traits::OrderStore;
use async_trait::async_trait;
use std::sync::Arc;
use waybill_domain::ids::OrderId;
use waybill_domain::intake::NewOrder;
use waybill_domain::order::Order;
use waybill_domain::text::{Sku, Tenant};
use waybill_domain::time::Time;

#[async_trait]
impl OrderStore for SqliteStore {
    /// Two: one batch is written while the next one gathers.
    fn accept_concurrency(&self) -> usize {
        2
    }

    async fn accept(&self, orders: Vec<Arc<NewOrder>>) -> Result<Vec<Result<Accepted>>> {
        self.writer
            .submit(Class::Foreground, move |tx| accept::accept(tx, &orders))
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

    async fn order_numbers(&self, tenant: &Tenant, filter: OrderFilter) -> Result<Page<i64, i64>> {
        let (tenant, scan) = (tenant.clone(), self.scan_limit);
        self.readers
            .read(move |c| orders::numbers(c, &tenant, &filter, scan))
            .await
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

    async fn orders_past_their_time(&self, now: Time, limit: usize) -> Result<Vec<OrderId>> {
        self.readers
            .read(move |c| orders::past_their_time(c, now, limit))
            .await
    }

    async fn waiting_orders(
        &self,
        tenant: &Tenant,
        sku: &Sku,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        let (tenant, sku) = (tenant.clone(), sku.clone());
        self.readers
            .read(move |c| backorders::orders(c, &tenant, &sku, after, limit))
            .await
    }

    async fn waiting_skus(
        &self,
        after: Option<(Tenant, Sku)>,
        limit: usize,
    ) -> Result<Vec<(Tenant, Sku)>> {
        self.readers
            .read(move |c| backorders::skus(c, after.as_ref(), limit))
            .await
    }

    async fn unconfirmed_orders(
        &self,
        tenant: &Tenant,
        sku: &Sku,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        let (tenant, sku) = (tenant.clone(), sku.clone());
        self.readers
            .read(move |c| backorders::unconfirmed(c, &tenant, &sku, limit))
            .await
    }

    async fn stuck_orders(&self, before: Time, limit: usize) -> Result<Vec<(OrderId, Time)>> {
        let (walk, scan) = (self.stuck_walk.clone(), self.scan_limit);
        self.readers
            .read(move |c| orders::stuck(c, &walk, before, limit, scan))
            .await
    }
}

//! Orders: taking them and reading them.

use super::super::{accept, backorders, orders, stuck};
use super::PostgresStore;
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
impl OrderStore for PostgresStore {
    fn accept_concurrency(&self) -> usize {
        self.shared.options.accept_concurrency
    }

    async fn accept(&self, new: Vec<Arc<NewOrder>>) -> Result<Vec<Result<Accepted>>> {
        #[cfg(feature = "planted-defects")]
        if super::super::defects::defect("answer_before_commit") {
            let (shared, count) = (self.shared.clone(), new.len());
            let accepted = async move { accept::accept(&shared, &new).await };
            return super::super::defects::answer_early(count, accepted).await;
        }
        self.write(|shared| async move { accept::accept(&shared, &new).await })
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

    async fn order_numbers(&self, tenant: &Tenant, filter: OrderFilter) -> Result<Page<i64, i64>> {
        let scan = self.shared.options.scan_limit;
        orders::numbers(self.read()?, tenant, &filter, scan).await
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

    async fn orders_past_their_time(&self, now: Time, limit: usize) -> Result<Vec<OrderId>> {
        orders::past_their_time(self.read()?, now, limit).await
    }

    async fn waiting_orders(
        &self,
        tenant: &Tenant,
        sku: &Sku,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        backorders::orders(self.read()?, tenant, sku, after, limit).await
    }

    async fn waiting_skus(
        &self,
        after: Option<(Tenant, Sku)>,
        limit: usize,
    ) -> Result<Vec<(Tenant, Sku)>> {
        backorders::skus(self.read()?, after.as_ref(), limit).await
    }

    async fn unconfirmed_orders(
        &self,
        tenant: &Tenant,
        sku: &Sku,
        limit: usize,
    ) -> Result<Vec<OrderId>> {
        backorders::unconfirmed(self.read()?, tenant, sku, limit).await
    }

    async fn stuck_orders(&self, before: Time, limit: usize) -> Result<Vec<(OrderId, Time)>> {
        let scan = self.shared.options.scan_limit;
        stuck::find(self.read()?, &self.stuck_walk, before, limit, scan).await
    }
}

//! The order's side: orders with their lines, holds and claims, and the units that they hold of the stock.

use super::effect::Effect;
use super::effect_store::EffectStore;
use crate::error::Result;
use crate::model::{Accepted, OrderFilter, OrderRecord, OrderRef, Page, Snapshot};
use async_trait::async_trait;
use std::sync::Arc;
use waybill_domain::change::OrderEffect;
use waybill_domain::ids::OrderId;
use waybill_domain::intake::NewOrder;
use waybill_domain::order::Order;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

impl Effect for OrderEffect {
    /// The order, its lines and holds.
    type Known = Order;
}

/// Orders and what they hold of the stock.
#[async_trait]
pub trait OrderStore: EffectStore<OrderEffect> {
    /// How many [`OrderStore::accept`] calls are worth having under way at once.
    fn accept_concurrency(&self) -> usize;

    /// Takes a batch of orders in one transaction; one result per order, in order. An order at fault fails
    /// alone.
    async fn accept(&self, orders: Vec<Arc<NewOrder>>) -> Result<Vec<Result<Accepted>>>;

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

    /// A page of a tenant's orders, newest first, below a number, and the positions of the log at which exactly
    /// this is what they are.
    async fn snapshot(
        &self,
        tenant: &Tenant,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Snapshot>;

    /// Orders that are neither done nor were touched since `before`; for the watchdog. A call looks at a bounded
    /// number of orders and the next one goes on from there, round and round.
    async fn stuck_orders(&self, before: Time, limit: usize) -> Result<Vec<(OrderId, Time)>>;
}

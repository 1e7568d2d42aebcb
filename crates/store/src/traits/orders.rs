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
use waybill_domain::text::{Sku, Tenant};
use waybill_domain::time::Time;

impl Effect for OrderEffect {
    /// The order, its lines and holds.
    type Known = Order;
}

/// Orders and their reservations.
#[async_trait]
pub trait OrderStore: EffectStore<OrderEffect> {
    /// How many [`OrderStore::accept`] calls to have in progress at once; more do not raise throughput.
    fn accept_concurrency(&self) -> usize;

    /// Accepts a batch of orders in one transaction; one result per order, in order. An order that breaks a constraint
    /// fails alone.
    async fn accept(&self, orders: Vec<Arc<NewOrder>>) -> Result<Vec<Result<Accepted>>>;

    /// One order of a tenant.
    async fn order(&self, tenant: &Tenant, by: OrderRef) -> Result<Option<OrderRecord>>;

    /// The changing part of several orders of any tenants; orders that do not exist are left out.
    async fn orders(&self, ids: Vec<OrderId>) -> Result<Vec<Order>>;

    /// A page of a tenant's orders, newest first.
    async fn list_orders(
        &self,
        tenant: &Tenant,
        filter: OrderFilter,
    ) -> Result<Page<OrderRecord, i64>>;

    /// The numbers of the orders that [`OrderStore::list_orders`] shows with the same filter, for counting them: as many
    /// as its limit, of which a call looks at a bounded number of orders.
    async fn order_numbers(&self, tenant: &Tenant, filter: OrderFilter) -> Result<Page<i64, i64>>;

    /// A page of a tenant's orders with numbers below `before`, newest first, and the positions of the log at which
    /// exactly this was their state.
    async fn snapshot(
        &self,
        tenant: &Tenant,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Snapshot>;

    /// Orders that wait for vendors and whose time to do so has passed; at most `limit`.
    async fn orders_past_their_time(&self, now: Time, limit: usize) -> Result<Vec<OrderId>>;

    /// Orders with units of a sku that wait for stock, in the order in which they came, beginning after `after`.
    async fn waiting_orders(
        &self,
        tenant: &Tenant,
        sku: &Sku,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<OrderId>>;

    /// Skus of which units wait for stock, by tenant and sku, beginning after `after`.
    async fn waiting_skus(
        &self,
        after: Option<(Tenant, Sku)>,
        limit: usize,
    ) -> Result<Vec<(Tenant, Sku)>>;

    /// Orders that wait for stock or ask vendors, and have reserved our own units of a sku, newest first.
    async fn unconfirmed_orders(
        &self,
        tenant: &Tenant,
        sku: &Sku,
        limit: usize,
    ) -> Result<Vec<OrderId>>;

    /// Orders that may be stuck ([`waybill_domain::stuck::is_candidate`]), for the watchdog. A call reads a bounded number of
    /// orders and the next call continues there, from the beginning again after the last order.
    async fn stuck_orders(&self, before: Time, limit: usize) -> Result<Vec<(OrderId, Time)>>;
}

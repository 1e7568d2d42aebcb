//! Delivery's side: deliveries, shipments and their timers.

use super::effect::Effect;
use super::effect_store::EffectStore;
use crate::error::Result;
use crate::model::{DeliveryOf, DueTimers, Page, ShipmentFilter};
use async_trait::async_trait;
use waybill_domain::change::DeliveryEffect;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::shipment::Shipment;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

impl Effect for DeliveryEffect {
    /// The delivery and its shipments.
    type Known = DeliveryOf;
}

/// Deliveries, shipments and their timers.
#[async_trait]
pub trait DeliveryStore: EffectStore<DeliveryEffect> {
    /// One shipment of a tenant.
    async fn shipment(&self, tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>>;

    /// The deliveries and shipments of several orders.
    async fn deliveries(&self, orders: Vec<OrderId>) -> Result<Vec<DeliveryOf>>;

    /// A page of a tenant's shipments, newest first.
    async fn list_shipments(
        &self,
        tenant: &Tenant,
        filter: ShipmentFilter,
    ) -> Result<Page<Shipment, ShipmentId>>;

    /// Timers of a partition that are due, oldest first, with their shipments, and when the next one after them is.
    async fn due_timers(&self, partition: u16, now: Time, limit: usize) -> Result<DueTimers>;
}

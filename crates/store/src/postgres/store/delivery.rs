//! Deliveries, shipments and due timers.

use super::super::shipments;
use super::PostgresStore;
use crate::error::Result;
use crate::model::{DeliveryOf, DueTimers, Page, ShipmentFilter};
use crate::traits::DeliveryStore;
use async_trait::async_trait;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::shipment::Shipment;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

#[async_trait]
impl DeliveryStore for PostgresStore {
    async fn shipment(&self, tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>> {
        shipments::find(self.read()?, tenant, id).await
    }

    async fn deliveries(&self, orders: Vec<OrderId>) -> Result<Vec<DeliveryOf>> {
        shipments::deliveries(self.read()?, &orders).await
    }

    async fn list_shipments(
        &self,
        tenant: &Tenant,
        filter: ShipmentFilter,
    ) -> Result<Page<Shipment, ShipmentId>> {
        let scan = self.shared.options.scan_limit;
        shipments::list(self.read()?, tenant, &filter, scan).await
    }

    async fn due_timers(&self, partition: u16, now: Time, limit: usize) -> Result<DueTimers> {
        shipments::due_timers(self.read()?, &self.due_looks, partition, now, limit).await
    }
}

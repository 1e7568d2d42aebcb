//! Deliveries, shipments and due timers.

use super::super::shipments;
use super::SqliteStore;
use crate::error::Result;
use crate::model::{DeliveryOf, DueTimers, Page, ShipmentFilter};
use crate::traits::DeliveryStore;
use async_trait::async_trait;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::shipment::Shipment;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

#[async_trait]
impl DeliveryStore for SqliteStore {
    async fn shipment(&self, tenant: &Tenant, id: ShipmentId) -> Result<Option<Shipment>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| shipments::find(c, &tenant, id))
            .await
    }

    async fn deliveries(&self, orders: Vec<OrderId>) -> Result<Vec<DeliveryOf>> {
        self.readers
            .read(move |c| shipments::deliveries(c, &orders))
            .await
    }

    async fn list_shipments(
        &self,
        tenant: &Tenant,
        filter: ShipmentFilter,
    ) -> Result<Page<Shipment, ShipmentId>> {
        let (tenant, scan) = (tenant.clone(), self.scan_limit);
        self.readers
            .read(move |c| shipments::list(c, &tenant, &filter, scan))
            .await
    }

    async fn due_timers(&self, _part: u16, now: Time, limit: usize) -> Result<DueTimers> {
        self.readers
            .read(move |c| shipments::due_timers(c, now, limit))
            .await
    }
}

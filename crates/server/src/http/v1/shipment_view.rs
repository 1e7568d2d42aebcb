//! A shipment as `/v1` shows it.

use serde::Serialize;
use utoipa::ToSchema;
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::shipment::{Shipment, ShipmentCopy, ShipmentStatus};
use waybill_domain::time::Time;

/// One parcel, or several that travel as one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Shipment)]
pub struct ShipmentView<'a> {
    /// Its id.
    #[schema(value_type = super::schemas::Id)]
    id: ShipmentId,
    /// Its order.
    #[schema(value_type = super::schemas::Id)]
    order_id: OrderId,
    /// Who sends it.
    vendor: &'a str,
    /// 1 for the first try of this vendor.
    attempt: u16,
    /// Where it stands.
    #[schema(value_type = super::schemas::ShipmentStatus)]
    status: ShipmentStatus,
    /// Rises with every change; `ETag` and `If-Match` are this number in quotes.
    version: i64,
    /// The carrier's number for it.
    tracking_number: Option<&'a str>,
    /// Who carries it.
    carrier: Option<&'a str>,
    /// Units by line of the order.
    #[schema(value_type = Vec<super::schemas::ShipmentLine>)]
    lines: &'a [ShipmentLine],
    /// When it was made.
    #[schema(value_type = super::schemas::Timestamp)]
    created_at: Time,
    /// When it last changed.
    #[schema(value_type = super::schemas::Timestamp)]
    updated_at: Time,
    /// When it left.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    shipped_at: Option<Time>,
    /// When it arrived.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    delivered_at: Option<Time>,
}

impl<'a> ShipmentView<'a> {
    /// Shows what an order keeps of its shipment.
    #[must_use]
    pub fn of_order(order_id: OrderId, copy: &'a ShipmentCopy) -> Self {
        Self {
            id: copy.id,
            order_id,
            vendor: copy.vendor.as_str(),
            attempt: copy.attempt,
            status: copy.status,
            version: copy.version,
            tracking_number: copy.tracking_number.as_deref(),
            carrier: copy.carrier.as_deref(),
            lines: &copy.lines,
            created_at: copy.created_at,
            updated_at: copy.updated_at,
            shipped_at: copy.shipped_at,
            delivered_at: copy.delivered_at,
        }
    }

    /// Shows a shipment.
    #[must_use]
    pub fn new(shipment: &'a Shipment) -> Self {
        Self {
            id: shipment.id,
            order_id: shipment.order_id,
            vendor: shipment.vendor.as_str(),
            attempt: shipment.attempt,
            status: shipment.status,
            version: shipment.version,
            tracking_number: shipment.tracking_number.as_deref(),
            carrier: shipment.carrier.as_deref(),
            lines: &shipment.lines,
            created_at: shipment.created_at,
            updated_at: shipment.updated_at,
            shipped_at: shipment.shipped_at,
            delivered_at: shipment.delivered_at,
        }
    }
}

//! The words of this dialect for the statuses of orders and shipments, and their types in the OpenAPI document.

use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::OrderStatus;

/// An order's status in this dialect's words.
pub fn status_word(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Pending
        | OrderStatus::Backordered
        | OrderStatus::Confirmed
        | OrderStatus::Processing
        | OrderStatus::PartiallyShipped
        | OrderStatus::Cancelling => "PENDING_SHIPMENT",
        OrderStatus::Shipped => "SHIPPED",
        OrderStatus::Delivered => "DELIVERED",
        OrderStatus::Cancelled => "CANCELLED",
        OrderStatus::Failed => "FAILED",
    }
}

/// A shipment's status in this dialect's words.
pub fn shipment_word(status: ShipmentStatus) -> &'static str {
    match status {
        ShipmentStatus::Processing => "PROCESSING",
        ShipmentStatus::Shipped | ShipmentStatus::DeliveryFailed => "SHIPPED",
        ShipmentStatus::Delivered => "DELIVERED",
        ShipmentStatus::Returned => "RETURNED",
        ShipmentStatus::Lost => "LOST",
        ShipmentStatus::Cancelled => "CANCELLED",
        ShipmentStatus::Failed => "FAILED",
    }
}

/// Where an order stands, in this dialect's words.
pub struct ServicesStatus;

impl PartialSchema for ServicesStatus {
    fn schema() -> RefOr<Schema> {
        let words = OrderStatus::ALL.iter().map(|s| status_word(*s));
        one_of("Where an order stands.", words)
    }
}

impl ToSchema for ServicesStatus {}

/// Where a shipment stands, in this dialect's words.
pub struct ServicesShipmentStatus;

impl PartialSchema for ServicesShipmentStatus {
    fn schema() -> RefOr<Schema> {
        let words = ShipmentStatus::ALL.iter().map(|s| shipment_word(*s));
        one_of("Where a shipment stands.", words)
    }
}

impl ToSchema for ServicesShipmentStatus {}

fn one_of(description: &str, words: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    let words: std::collections::BTreeSet<&str> = words.collect();
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .description(Some(description))
        .enum_values(Some(words))
        .into()
}

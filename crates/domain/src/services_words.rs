//! The words of the order and delivery services for the statuses of orders and shipments, in their HTTP API and in
//! their messages.

use crate::shipment::ShipmentStatus;
use crate::status::OrderStatus;

/// An order's status in the services' words.
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

/// A shipment's status in the services' words.
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

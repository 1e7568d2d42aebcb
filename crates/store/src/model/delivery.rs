//! Deliveries, shipments and their timers as they are read.

use waybill_domain::delivery::Delivery;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::shipment::{Shipment, ShipmentStatus};
use waybill_domain::time::Time;
use waybill_domain::timer::Timer;

/// An order's delivery and shipments.
pub type DeliveryOf = (OrderId, Option<Delivery>, Vec<Shipment>);

/// Due timers with their shipments, and the due time of the first timer that is left out.
pub type DueTimers = (Vec<(Timer, Option<Shipment>)>, Option<Time>);

/// Which shipments a list shows; newest first.
#[derive(Clone, Debug, Default)]
pub struct ShipmentFilter {
    pub order_id: Option<OrderId>,
    pub status: Option<ShipmentStatus>,
    pub before: Option<ShipmentId>,
    pub limit: usize,
}

//! Durable timers of shipments.

use crate::ids::{OrderId, ShipmentId};
use crate::time::Time;

/// A durable timer of a shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// The shipment's partition, in which the timer is searched, also when the shipment no longer exists.
    pub partition: u16,
    pub due_at: Time,
    pub shipment_id: ShipmentId,
    pub order_id: OrderId,
}

/// A change of timers. A timer is identified by its time and its shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerChange {
    Set(Timer),
    Clear(Timer),
}

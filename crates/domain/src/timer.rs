//! Durable timers of shipments.

use crate::ids::{OrderId, ShipmentId};
use crate::time::Time;

/// Something to be done at a time, durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// The partition it is found in: its shipment's, also when the shipment is gone.
    pub partition: u16,
    pub due_at: Time,
    pub shipment_id: ShipmentId,
    pub order_id: OrderId,
}

/// A change of timers. A timer is known by its time and its shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimerChange {
    Set(Timer),
    Clear(Timer),
}

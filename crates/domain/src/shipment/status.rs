//! The steps of a shipment.

use crate::status::named_enum;

named_enum!(
    /// The status of a shipment.
    ShipmentStatus {
        Processing = "processing",
        Shipped = "shipped",
        DeliveryFailed = "delivery_failed",
        Delivered = "delivered",
        Returned = "returned",
        Lost = "lost",
        Cancelled = "cancelled",
        Failed = "failed",
    }
);

use ShipmentStatus::{
    Cancelled, Delivered, DeliveryFailed, Failed, Lost, Processing, Returned, Shipped,
};

/// All steps of a shipment.
pub const STEPS: &[(ShipmentStatus, ShipmentStatus)] = &[
    (Processing, Shipped),
    (Processing, Cancelled),
    (Processing, Failed),
    (Shipped, Delivered),
    (Shipped, DeliveryFailed),
    (Shipped, Lost),
    (DeliveryFailed, Shipped),
    (DeliveryFailed, Returned),
];

impl ShipmentStatus {
    /// The statuses that may follow this one.
    #[must_use]
    pub fn allowed(self) -> Vec<Self> {
        STEPS
            .iter()
            .filter(|(from, _)| *from == self)
            .map(|(_, to)| *to)
            .collect()
    }

    /// Whether its goods have left the warehouse.
    #[must_use]
    pub fn has_left(self) -> bool {
        match self {
            Shipped | DeliveryFailed | Delivered | Returned | Lost => true,
            Processing | Cancelled | Failed => false,
        }
    }
}

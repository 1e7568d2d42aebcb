//! Why a request cannot be done: a stable code, the field, and what would be allowed.

use crate::shipment::ShipmentStatus;
use crate::status::OrderStatus;
use crate::text::Sku;

/// A sku of which less is available than was ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    pub sku: Sku,
    pub requested: i64,
    pub available: i64,
}

/// Why the present state does not allow a command. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The transition table has no such step from here.
    #[error("an order that is {from} cannot become {to}")]
    InvalidTransition {
        from: OrderStatus,
        to: OrderStatus,
        allowed: Vec<OrderStatus>,
    },
    /// The caller's condition on the version does not hold.
    #[error(transparent)]
    Unmet(#[from] crate::precondition::Unmet),
    /// A shipment cannot take this step.
    #[error("a shipment that is {from} cannot become {to}")]
    InvalidShipmentTransition {
        from: ShipmentStatus,
        to: ShipmentStatus,
        allowed: Vec<ShipmentStatus>,
    },
    /// The order has no unit left that a hold could keep back.
    #[error("an order that is {status} cannot be held: nothing is left to keep back")]
    HoldTooLate { status: OrderStatus },
    /// The hold does not exist or was released before.
    #[error("this order has no open hold of that id")]
    NoSuchHold,
    /// The order has no such line.
    #[error("this order has no line {line}")]
    NoSuchLine { line: u16 },
    /// The line has no unit that can still be cancelled alone.
    #[error("line {line} of an order that is {status} has no unit that can be cancelled alone")]
    LineTooLate { line: u16, status: OrderStatus },
    /// More holds than one order may have.
    #[error("an order has at most {limit} holds")]
    TooManyHolds { limit: usize },
}

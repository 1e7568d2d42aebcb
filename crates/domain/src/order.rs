//! The part of an order that changes: decisions read it and return its next state.

use crate::event::{Aggregate, AggregateKind, body};
use crate::ids::{HoldId, OrderId};
use crate::quantities::Quantities;
use crate::shipment::ShipmentCopy;
use crate::status::{self, AllocationPolicy, Flags, OrderStatus, named_enum};
use crate::text::{Sku, Tenant, Vendor};
use crate::time::Time;

/// The most holds that one order may have, released ones included.
pub const MAX_HOLDS: usize = 20;

named_enum!(
    /// Why an order is held.
    HoldReason {
        AwaitingPayment = "awaiting_payment",
        FraudReview = "fraud_review",
        IncorrectAddress = "incorrect_address",
        Manual = "manual",
    }
);

/// A hold on an order: while one is open, delivery does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub reason: HoldReason,
    pub placed_at: Time,
    pub placed_by: String,
    /// Personal data, stored in `order_personal`; `None` where it was not loaded.
    pub note: Option<String>,
    pub released_at: Option<Time>,
}

/// The present state of one line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// 1, 2, 3, … in the order the caller gave; a sku may repeat, an id does not.
    pub id: u16,
    pub sku: Sku,
    /// The source of the line's units; `None` while no source is chosen.
    pub vendor: Option<Vendor>,
    pub requires_shipping: bool,
    pub quantities: Quantities,
}

/// The present state of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub id: OrderId,
    pub tenant: Tenant,
    /// The partition of the log for all events of the order and its shipments; chosen when the order was accepted.
    pub partition: u16,
    /// The number of its events; the `seq` of the last one.
    pub version: i64,
    pub status: OrderStatus,
    pub flags: Flags,
    pub policy: AllocationPolicy,
    pub lines: Vec<Line>,
    pub holds: Vec<Hold>,
    /// Copies of its shipments, as of the last shipment event that was applied; sorted by creation time, oldest first.
    pub shipments: Vec<ShipmentCopy>,
    pub created_at: Time,
    pub updated_at: Time,
    pub completed_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    /// The caller's reason for the cancellation. Personal data, stored in `order_personal`; `None` where it was not
    /// loaded.
    pub cancel_reason: Option<String>,
    pub promised_by: Option<Time>,
}

impl Order {
    /// The aggregate of the order's events.
    #[must_use]
    pub fn aggregate(&self) -> Aggregate {
        Aggregate {
            kind: AggregateKind::Order,
            id: self.id.0,
        }
    }

    /// Quantities summed over its lines.
    #[must_use]
    pub fn totals(&self) -> Quantities {
        Quantities::sum(self.lines.iter().map(|l| &l.quantities))
    }

    /// The status that follows from its quantities and flags.
    #[must_use]
    pub fn derived_status(&self) -> OrderStatus {
        status::derive(&self.totals(), self.flags, self.policy)
    }

    /// The holds that keep delivery from starting.
    #[must_use]
    pub fn open_holds(&self) -> Vec<HoldId> {
        self.holds
            .iter()
            .filter(|h| h.released_at.is_none())
            .map(|h| h.id)
            .collect()
    }

    /// Its lines as events carry them; with skus and vendors where a reader needs them to act.
    #[must_use]
    pub fn event_lines(&self, in_full: bool) -> Vec<body::Line> {
        let line = |l: &Line| body::Line {
            id: l.id,
            sku: in_full.then(|| l.sku.clone()),
            vendor: l.vendor.clone().filter(|_| in_full),
            requires_shipping: l.requires_shipping || !in_full,
            released: 0,
            quantities: l.quantities,
        };
        self.lines.iter().map(line).collect()
    }

    /// Whether the rules that hold for every order at every commit hold.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.lines.iter().all(|l| l.quantities.adds_up()) && self.status == self.derived_status()
    }
}

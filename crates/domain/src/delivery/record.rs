//! Delivery's row of an order, which is also the tombstone after a cancellation.

use crate::event::{Aggregate, AggregateKind};
use crate::ids::{HoldId, OrderId};
use crate::status::named_enum;
use crate::text::{Tenant, Vendor};
use crate::time::Time;
use serde::{Deserialize, Serialize};

named_enum!(
    /// The state of an order's delivery.
    DeliveryState {
        /// The units are known, but a hold keeps delivery from starting.
        Waiting = "waiting",
        /// Shipments were made.
        Started = "started",
        /// Delivery agreed to a cancellation; no shipment will leave any more (the tombstone).
        Cancelled = "cancelled",
    }
);

/// Units that may ship.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    pub line: u16,
    pub vendor: Vendor,
    pub quantity: i64,
    pub requires_shipping: bool,
}

/// One row per order in delivery's store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub order_id: OrderId,
    pub tenant: Tenant,
    pub partition: u16,
    pub state: DeliveryState,
    /// Rises with every write; a write is guarded by it.
    pub revision: i64,
    /// The number of its events; the `seq` of the last one.
    pub version: i64,
    /// The `seq` of the last order event that delivery has applied; an event that is not newer changes nothing. Column
    /// `heard`.
    pub last_order_seq: i64,
    /// Open holds, as of that version.
    pub open_holds: Vec<HoldId>,
    /// Units that may ship once no hold is open.
    pub released: Vec<Released>,
    pub updated_at: Time,
}

impl Delivery {
    /// The delivery of an order of which delivery has applied no event yet.
    pub(super) fn unknown(order_id: OrderId, tenant: Tenant, partition: u16, now: Time) -> Self {
        Self {
            order_id,
            tenant,
            partition,
            state: DeliveryState::Waiting,
            revision: 0,
            version: 0,
            last_order_seq: 0,
            open_holds: vec![],
            released: vec![],
            updated_at: now,
        }
    }

    /// The aggregate of the delivery's events.
    #[must_use]
    pub fn aggregate(&self) -> Aggregate {
        Aggregate {
            kind: AggregateKind::Delivery,
            id: self.order_id.0,
        }
    }
}

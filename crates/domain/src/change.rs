//! The result of a decision as data: rows to write, guarded by the versions on which it was made, and events. A change
//! is written as a whole or not at all.

use crate::delivery::Delivery;
use crate::event::NewEvent;
use crate::ids::{HoldId, OrderId};
use crate::once::CommandClaim;
use crate::order::{Hold, Order};
use crate::reservation::ReservationMove;
use crate::shipment::Shipment;
use crate::status::OrderStatus;
use crate::text::{Sku, Tenant};
use crate::time::Time;
use crate::timer::TimerChange;
use uuid::Uuid;

/// A change of an order's holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldChange {
    Place(Hold),
    Release { id: HoldId, at: Time },
}

/// A call to an external service that a worker will make: under a lease, at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWork {
    pub id: Uuid,
    /// The role whose worker does it.
    pub target: String,
    pub order_id: Option<OrderId>,
    pub due_at: Time,
    /// A JSON object, for the worker.
    pub body: String,
    /// The piece is only written if an order of the tenant waits for units of this sku.
    pub if_awaited: Option<Sku>,
}

/// An order written over the version it was decided on. The version stays as it is when only copies of shipments
/// change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderChange {
    pub expected_version: i64,
    /// The status at the expected version, for the counts of orders by status.
    pub status_before: OrderStatus,
    pub after: Order,
    /// Indexes of the lines to write.
    pub changed_lines: Vec<usize>,
    /// Whether to write the copies of its shipments. Only the consumer of shipment events sets this: a command may have
    /// been decided on older copies, and writing them would undo newer ones.
    pub shipments_changed: bool,
}

/// A shipment written over the version it was decided on; 0 makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipmentChange {
    pub expected_version: i64,
    pub after: Shipment,
}

/// An order's delivery written over the revision it was decided on; 0 makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryChange {
    pub expected_revision: i64,
    pub after: Delivery,
}

/// Rows of the order's side: the order, its lines and holds, and the units that its reservations hold of the stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderEffect {
    pub order: OrderChange,
    /// The caller's reason for a cancellation; personal data, stored in a table of its own.
    pub cancel_reason: Option<String>,
    pub holds: Vec<HoldChange>,
    pub reservations: Vec<ReservationMove>,
}

/// Rows of delivery's side: the delivery, its shipments and their timers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryEffect {
    pub delivery: Option<DeliveryChange>,
    pub shipments: Vec<ShipmentChange>,
    pub timers: Vec<TimerChange>,
}

/// Everything that one decision about one order wants to write: rows of one owner ([`OrderEffect`] or
/// [`DeliveryEffect`]), and keys of commands, work and events, for which every owner has tables of its own. So no
/// transaction needs the rows of two owners, and each owner can have its own database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<E> {
    pub tenant: Tenant,
    pub order_id: OrderId,
    pub partition: u16,
    /// The idempotency key of the command, if it has one: a change whose key was used is not written.
    pub claim: Option<CommandClaim>,
    pub effect: E,
    pub work: Vec<NewWork>,
    pub events: Vec<NewEvent>,
}

impl<E> Change<E> {
    /// A change of these rows, without events.
    #[must_use]
    pub fn new(tenant: Tenant, order_id: OrderId, partition: u16, effect: E) -> Self {
        Self {
            tenant,
            order_id,
            partition,
            claim: None,
            effect,
            work: vec![],
            events: vec![],
        }
    }
}

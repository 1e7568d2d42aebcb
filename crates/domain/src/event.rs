//! The events of the log: their types, their shape, and their sequence number within an aggregate.

use crate::context::EventMeta;
use crate::ids::{EventId, OrderId};
use crate::status::{OrderStatus, named_enum};
use crate::text::Tenant;
use crate::time::Time;
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// The version of the bodies in this module; it rises when a field changes its meaning.
pub const SCHEMA_VERSION: i16 = 1;

/// The version of an order's event whose lines name their sources. A reader that knows only version 1 would send all
/// units from one place; by the version it knows that it does not understand the event.
pub const SOURCES_SCHEMA_VERSION: i16 = 2;

named_enum!(
    /// The types of events.
    EventKind {
        OrderCreated = "order.created",
        OrderConfirmed = "order.confirmed",
        OrderBackordered = "order.backordered",
        OrderFailed = "order.failed",
        OrderCancelled = "order.cancelled",
        OrderCancelRequested = "order.cancel_requested",
        OrderCancelRejected = "order.cancel_rejected",
        OrderProcessing = "order.processing",
        OrderPartiallyShipped = "order.partially_shipped",
        OrderShipped = "order.shipped",
        OrderDelivered = "order.delivered",
        OrderRetried = "order.retried",
        OrderLineCancelled = "order.line_cancelled",
        OrderLinesChanged = "order.lines_changed",
        OrderLinesReleased = "order.lines_released",
        OrderHoldPlaced = "order.hold_placed",
        OrderHoldReleased = "order.hold_released",
        OrderNoteAdded = "order.note_added",
        ShipmentCreated = "shipment.created",
        ShipmentShipped = "shipment.shipped",
        ShipmentDelivered = "shipment.delivered",
        ShipmentCancelled = "shipment.cancelled",
        ShipmentFailed = "shipment.failed",
        ShipmentDeliveryFailed = "shipment.delivery_failed",
        ShipmentReturned = "shipment.returned",
        ShipmentLost = "shipment.lost",
        ShipmentUpdated = "shipment.updated",
        DeliveryCancelAgreed = "delivery.cancel_agreed",
        DeliveryCancelRefused = "delivery.cancel_refused",
        StockAdjusted = "stock.adjusted",
        StockShortage = "stock.shortage",
    }
);

impl EventKind {
    /// Whether the event belongs to an order itself (and not to its shipments or delivery).
    #[must_use]
    pub fn is_order(self) -> bool {
        self.as_str().starts_with("order.")
    }
}

named_enum!(
    /// The kind of thing that an event belongs to; sequence numbers count within one such thing.
    AggregateKind {
        Order = "order",
        Shipment = "shipment",
        Delivery = "delivery",
        Stock = "stock",
    }
);

/// The thing an event belongs to. A stock row's id is the first 16 bytes of a hash of its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aggregate {
    pub kind: AggregateKind,
    pub id: Uuid,
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

/// Why an event's body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error(
        "its body has schema version {found}, written by a newer version of Waybill; this one reads versions up to {SOURCES_SCHEMA_VERSION}"
    )]
    Newer { found: i16 },
    #[error(transparent)]
    Damaged(#[from] serde_json::Error),
}

/// An event that is not yet in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    pub id: EventId,
    /// The version of the body: [`SCHEMA_VERSION`] or [`SOURCES_SCHEMA_VERSION`] in an event made here, and what was
    /// stored or sent in one that was read.
    pub schema_version: i16,
    pub kind: EventKind,
    pub aggregate: Aggregate,
    /// 1, 2, 3, … per aggregate, equal to the aggregate's version after it.
    pub seq: i64,
    /// The order that the event is about; `None` for stock.
    pub order_id: Option<OrderId>,
    pub tenant: Tenant,
    /// When it happened (it is recorded later, at the commit).
    pub occurred_at: Time,
    /// A JSON object, of `schema_version`; read it with [`NewEvent::read_body`].
    pub body: Arc<str>,
    pub meta: EventMeta,
}

impl NewEvent {
    /// What the event is ordered by: its order's id, or its aggregate's id for an event without an order (of a stock
    /// row). Events of one key are published, and wait as parked events, in the order of the log.
    #[must_use]
    pub fn key(&self) -> Uuid {
        self.order_id
            .map_or(self.aggregate.id, |order_id| order_id.0)
    }

    /// The text of the body, if its fields mean what this module says.
    ///
    /// # Errors
    /// [`BodyError::Newer`]: a newer version of Waybill wrote it.
    pub fn body_text(&self) -> Result<&str, BodyError> {
        if self.schema_version > SOURCES_SCHEMA_VERSION {
            let found = self.schema_version;
            return Err(BodyError::Newer { found });
        }
        Ok(&self.body)
    }

    /// Reads the body.
    ///
    /// # Errors
    /// A newer version of Waybill wrote it, or it is not what its type demands.
    pub fn read_body<'a, T: Deserialize<'a>>(&'a self) -> Result<T, BodyError> {
        Ok(serde_json::from_str(self.body_text()?)?)
    }

    /// The cause for decisions that follow from this event: `actor` makes them, with this event as the cause and the
    /// same correlation id.
    #[must_use]
    pub fn answered_by(&self, actor: &str) -> EventMeta {
        EventMeta {
            actor: actor.into(),
            causation_id: Some(self.id),
            ..self.meta.clone()
        }
    }
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    pub partition: u16,
    /// Rises in commit order within a partition; gaps have no meaning.
    pub position: i64,
    pub recorded_at: Time,
    pub event: NewEvent,
}

/// The bodies of events, as JSON objects. Readers ignore fields they do not know.
pub mod body {
    use super::OrderStatus;
    use crate::ids::{HoldId, OrderId, ShipmentId};
    use crate::quantities::Quantities;
    use crate::shipment::ShipmentStatus;
    use crate::text::{Sku, Vendor};
    use serde::{Deserialize, Serialize};

    /// A line in an order event: always its id; other fields only where they changed or a reader needs them.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct Line {
        #[serde(with = "line_id")]
        pub id: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub sku: Option<Sku>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub vendor: Option<Vendor>,
        /// Where the units come from, instead of `vendor`, when vendors were asked for the line.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub sources: Vec<Source>,
        /// Absent means yes.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        pub requires_shipping: bool,
        /// Only on `order.lines_released`: units that may ship from now on, in addition to those released before.
        #[serde(default, skip_serializing_if = "is_none_of_them")]
        pub released: i64,
        #[serde(flatten)]
        pub quantities: Quantities,
    }

    /// Units of a line that a vendor has agreed to; on `order.lines_released`, those that may ship from now on.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Source {
        pub vendor: Vendor,
        pub quantity: i64,
    }

    /// Line ids are text on the wire and small numbers in here.
    mod line_id {
        use serde::{Deserialize, Deserializer, Serializer};

        #[expect(
            clippy::trivially_copy_pass_by_ref,
            reason = "the signature serde asks for"
        )]
        pub fn serialize<S: Serializer>(id: &u16, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(id)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
            let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        }
    }

    fn yes() -> bool {
        true
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde asks for"
    )]
    fn is_yes(b: &bool) -> bool {
        *b
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature serde asks for"
    )]
    fn is_none_of_them(units: &i64) -> bool {
        *units == 0
    }

    /// The `reason` of an event that a cancellation caused. The caller's own words are personal data and are stored
    /// with the order; only events of earlier versions have them here.
    pub const CANCEL_REQUESTED: &str = "requested";

    /// The part of `order.created` that is no content of the order.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub struct OrderCreated {
        /// What its lines begin with, of an order whose units are being sourced. All units of another order are reserved
        /// by the event that follows.
        #[serde(default)]
        pub allocation: Vec<Line>,
    }

    /// Every order event after `order.created`.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct OrderStep {
        pub status: OrderStatus,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub previous_status: Option<OrderStatus>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub hold_id: Option<HoldId>,
        /// The holds that keep delivery from starting, on events that would start it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub open_holds: Vec<HoldId>,
        /// The lines as they are after the last step of this transaction; empty on the steps before it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub lines: Vec<Line>,
    }

    /// Units of a line in a shipment.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct ShipmentLine {
        #[serde(with = "line_id")]
        pub line: u16,
        pub quantity: i64,
    }

    /// Every shipment event.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct ShipmentStep {
        pub shipment_id: ShipmentId,
        pub order_id: OrderId,
        pub vendor: Vendor,
        pub attempt: u16,
        pub status: ShipmentStatus,
        /// The status before the step; absent on events that are no step. From it a reader knows that a parcel sent out
        /// again after a failed delivery was counted as shipped before.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub previous_status: Option<ShipmentStatus>,
        /// On `shipment.updated`: the status that was reported too late to be a step.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub reported: Option<ShipmentStatus>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tracking_number: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub carrier: Option<String>,
        pub lines: Vec<ShipmentLine>,
    }

    /// Delivery's answer to a cancellation.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct DeliveryAnswer {
        pub order_id: OrderId,
    }

    /// A change of a stock row through the API.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub struct StockChange {
        pub sku: Sku,
        pub vendor: Vendor,
        pub delta: i64,
        pub on_hand: i64,
        /// Of `stock.shortage`: units that orders have reserved and that are not there.
        #[serde(default, skip_serializing_if = "crate::quantities::is_zero")]
        pub shortfall: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
    }
}

/// JSON text of a body. The bodies above hold only strings, numbers and lists of them.
pub fn encode<T: serde::Serialize>(body: &T) -> Arc<str> {
    serde_json::to_string(body)
        .expect("event bodies have string keys and no fallible fields")
        .into()
}

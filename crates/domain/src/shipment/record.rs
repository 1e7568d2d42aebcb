//! A shipment, and the events about it.

use super::status::ShipmentStatus;
use crate::context::{Context, RequestIds};
use crate::event::{Aggregate, AggregateKind, EventKind, NewEvent, SCHEMA_VERSION, body, encode};
use crate::ids::{EventId, OrderId, ShipmentId};
use crate::text::{Tenant, Vendor};
use crate::time::Time;
use crate::timer::Timer;

/// One parcel (or several that travel as one), keyed by (order, vendor, attempt).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    pub id: ShipmentId,
    pub order_id: OrderId,
    pub tenant: Tenant,
    pub partition: u16,
    pub vendor: Vendor,
    pub attempt: u16,
    pub status: ShipmentStatus,
    /// The number of its events; the `seq` of the last one.
    pub version: i64,
    pub lines: Vec<body::ShipmentLine>,
    pub tracking_number: Option<String>,
    pub carrier: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
    /// The request that the shipment was made for; the carrier's steps carry its ids.
    pub request: RequestIds,
    pub shipped_at: Option<Time>,
    pub delivered_at: Option<Time>,
    /// When the simulated carrier takes the next step; `None` when it takes none.
    pub due_at: Option<Time>,
}

impl ShipmentStatus {
    /// The kind of the event that reports this status.
    #[must_use]
    pub fn event(self) -> EventKind {
        match self {
            Self::Processing => EventKind::ShipmentCreated,
            Self::Shipped => EventKind::ShipmentShipped,
            Self::DeliveryFailed => EventKind::ShipmentDeliveryFailed,
            Self::Delivered => EventKind::ShipmentDelivered,
            Self::Returned => EventKind::ShipmentReturned,
            Self::Lost => EventKind::ShipmentLost,
            Self::Cancelled => EventKind::ShipmentCancelled,
            Self::Failed => EventKind::ShipmentFailed,
        }
    }
}

impl Shipment {
    /// The aggregate of the shipment's events.
    #[must_use]
    pub fn aggregate(&self) -> Aggregate {
        Aggregate {
            kind: AggregateKind::Shipment,
            id: self.id.0,
        }
    }

    /// Its pending timer, if it has one.
    #[must_use]
    pub fn timer(&self) -> Option<Timer> {
        self.due_at.map(|due_at| Timer {
            partition: self.partition,
            due_at,
            shipment_id: self.id,
            order_id: self.order_id,
        })
    }

    /// The event of the step from `previous` to the present status; the version must have been raised before.
    pub fn event(
        &self,
        kind: EventKind,
        previous: Option<ShipmentStatus>,
        context: &mut Context<'_>,
    ) -> NewEvent {
        self.tell(kind, previous, None, context)
    }

    /// As [`Shipment::event`], with a status that was reported too late.
    pub(super) fn tell(
        &self,
        kind: EventKind,
        previous: Option<ShipmentStatus>,
        reported: Option<ShipmentStatus>,
        context: &mut Context<'_>,
    ) -> NewEvent {
        let body = body::ShipmentStep {
            shipment_id: self.id,
            order_id: self.order_id,
            vendor: self.vendor.clone(),
            attempt: self.attempt,
            status: self.status,
            previous_status: previous,
            reported,
            tracking_number: self.tracking_number.clone(),
            carrier: self.carrier.clone(),
            lines: self.lines.clone(),
        };
        NewEvent {
            id: EventId(context.ids.next()),
            schema_version: SCHEMA_VERSION,
            kind,
            aggregate: self.aggregate(),
            seq: self.version,
            order_id: Some(self.order_id),
            tenant: self.tenant.clone(),
            occurred_at: context.now,
            body: encode(&body),
            meta: context.meta.clone(),
        }
    }
}

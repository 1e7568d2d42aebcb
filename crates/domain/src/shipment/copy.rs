//! What an order keeps of a shipment, so that it can be shown without delivery's rows, which may stand in another
//! database. It follows from the shipment's events alone.

use super::status::ShipmentStatus;
use crate::event::{NewEvent, body};
use crate::ids::ShipmentId;
use crate::text::Vendor;
use crate::time::Time;

/// A shipment as its order knows it. Except for `shown_in`, each field equals that of the shipment at `version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipmentCopy {
    pub id: ShipmentId,
    pub vendor: Vendor,
    pub attempt: u16,
    pub status: ShipmentStatus,
    /// The `seq` of the newest event that was taken in.
    pub version: i64,
    /// The first version of the order that shows this state for certain. It is one above the order's own version while
    /// only this copy has changed: some readers got that version before.
    pub shown_in: i64,
    pub lines: Vec<body::ShipmentLine>,
    pub tracking_number: Option<String>,
    pub carrier: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
    pub shipped_at: Option<Time>,
    pub delivered_at: Option<Time>,
}

impl ShipmentCopy {
    /// The state that an event tells, without what only earlier events tell: the times of earlier steps.
    #[must_use]
    pub(crate) fn of_event(event: &NewEvent, step: body::ShipmentStep) -> Self {
        let at = event.occurred_at;
        let reached = |status: ShipmentStatus| (event.kind == status.event()).then_some(at);
        Self {
            id: step.shipment_id,
            vendor: step.vendor,
            attempt: step.attempt,
            status: step.status,
            version: event.seq,
            shown_in: 0,
            lines: step.lines,
            tracking_number: step.tracking_number,
            carrier: step.carrier,
            created_at: at,
            updated_at: at,
            shipped_at: reached(ShipmentStatus::Shipped),
            delivered_at: reached(ShipmentStatus::Delivered),
        }
    }

    /// This newer state with the times that the state before it had.
    #[must_use]
    pub(crate) fn after(self, before: &Self) -> Self {
        Self {
            created_at: before.created_at,
            // A parcel that is sent out again keeps the time when it first left.
            shipped_at: before.shipped_at.or(self.shipped_at),
            delivered_at: self.delivered_at.or(before.delivered_at),
            ..self
        }
    }
}

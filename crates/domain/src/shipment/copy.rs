//! An order's copy of a shipment, by which the order is shown without delivery's rows, which may be in another
//! database. It follows from the shipment's events alone.

use super::status::ShipmentStatus;
use crate::event::{NewEvent, body};
use crate::ids::ShipmentId;
use crate::text::Vendor;
use crate::time::Time;

/// The state of a shipment as its order knows it. Except for `shown_in`, each field equals that of the shipment at
/// `version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipmentCopy {
    pub id: ShipmentId,
    pub vendor: Vendor,
    pub attempt: u16,
    pub status: ShipmentStatus,
    /// The `seq` of the newest event of the shipment that was applied.
    pub version: i64,
    /// The first version of the order that surely shows this state. It is one above the order's present version when
    /// only this copy has changed, because readers may have seen the present version with the older copy.
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
    /// The state after an event, from that event alone: without the times of earlier steps.
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

    /// This newer state with the times of earlier steps from the state `before`.
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

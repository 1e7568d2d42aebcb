//! Checks a history: whether a sequence of events is possible, and which state it leads to.
//!
//! Used by `waybill verify` and by every crash test. It shares no code with the decisions it checks, except the
//! transition table.

use crate::event::{EventKind, body};
use crate::quantities::Quantities;
use crate::shipment::{STEPS, ShipmentCopy, ShipmentStatus};
use crate::status::OrderStatus;
use crate::time::Time;
use crate::transitions;
use std::collections::BTreeMap;

/// The state that an order's events add up to, and the faults found in them.
#[derive(Debug, Default)]
pub struct OrderHistory {
    pub version: i64,
    pub status: Option<OrderStatus>,
    /// The order's status at the last request to cancel.
    pub cancelling_from: Option<OrderStatus>,
    /// The quantities of each line, from the last event that has them.
    pub lines: BTreeMap<u16, Quantities>,
    /// Whether the last event could not be read, which is then the newest of `faults`. The state before the next event
    /// is unknown, so that event is checked alone.
    pub unread: bool,
    pub faults: Vec<String>,
}

impl OrderHistory {
    /// Takes the next event of an order, in the order of the log.
    pub fn take(&mut self, seq: i64, kind: EventKind, text: &str) {
        if seq != self.version + 1 {
            self.faults
                .push(format!("event {kind} has seq {seq} after {}", self.version));
        }
        self.version = seq;
        let after_unread = std::mem::take(&mut self.unread);
        if kind == EventKind::OrderCreated {
            if self.status.replace(OrderStatus::Pending).is_some() {
                self.faults.push("created twice".into());
            }
            match serde_json::from_str::<body::OrderCreated>(text) {
                Ok(created) => {
                    self.take_lines(seq, kind, OrderStatus::Pending, &created.allocation);
                }
                Err(_) => self
                    .faults
                    .push(format!("event {seq} {kind} cannot be read")),
            }
            return;
        }
        let Ok(step) = serde_json::from_str::<body::OrderStep>(text) else {
            self.faults
                .push(format!("event {seq} {kind} cannot be read"));
            self.unread = true;
            return;
        };
        self.check_step(seq, kind, &step, after_unread);
        if step.status == OrderStatus::Cancelling && step.previous_status.is_some() {
            self.cancelling_from = step.previous_status;
        }
        self.status = Some(step.status);
        self.take_lines(seq, kind, step.status, &step.lines);
    }

    fn take_lines(&mut self, seq: i64, kind: EventKind, status: OrderStatus, lines: &[body::Line]) {
        let retried = kind == EventKind::OrderRetried;
        let confirmed = !matches!(status, OrderStatus::Pending | OrderStatus::Backordered);
        for line in lines {
            let q = line.quantities;
            let before = self.lines.insert(line.id, q);
            let went_back = before.is_some_and(|before| !follows(&before, &q, retried, confirmed));
            if !q.adds_up() {
                self.faults.push(format!(
                    "event {seq} {kind}: line {} does not add up",
                    line.id
                ));
            }
            if went_back {
                self.faults.push(format!(
                    "event {seq} {kind}: units of line {} went back",
                    line.id
                ));
            }
        }
        // When one transaction confirms an order and takes further steps, `order.confirmed` has the lines as they are
        // after the last step.
        let told_early = kind == EventKind::OrderConfirmed;
        let totals = Quantities::sum(self.lines.values());
        if !lines.is_empty() && !told_early && !agrees(status, &totals) {
            self.faults.push(format!(
                "event {seq} {kind}: the order is not {status} by its quantities, {totals}"
            ));
        }
    }

    fn check_step(
        &mut self,
        seq: i64,
        kind: EventKind,
        step: &body::OrderStep,
        after_unread: bool,
    ) {
        let from = if after_unread {
            step.previous_status.or(Some(step.status))
        } else {
            self.status
        };
        let allowed = match (from, step.previous_status) {
            (Some(from), Some(previous)) => {
                from == previous
                    && transitions::find(from, step.status).is_some_and(|row| row.event == kind)
                    && (kind != EventKind::OrderCancelRejected
                        || self.cancelling_from == Some(step.status)
                        || after_unread)
            }
            (Some(from), None) => {
                from == step.status && !transitions::TABLE.iter().any(|row| row.event == kind)
            }
            (None, _) => false,
        };
        if !allowed {
            let from = from.map_or("nothing", OrderStatus::as_str);
            self.faults.push(format!(
                "event {seq} {kind} leads from {from} to {}, which the table does not allow",
                step.status
            ));
        }
    }
}

/// Whether a line may change to `after`: units that have shipped, arrived or were cancelled stay so, except that an
/// operator's retry takes cancelled units back. Before the order is confirmed, reserved units may have to wait again: a
/// count did not find them.
fn follows(before: &Quantities, after: &Quantities, retried: bool, confirmed: bool) -> bool {
    let taken_back = (before.reserved - after.reserved).max(0);
    let returned = if confirmed { 0 } else { taken_back };
    before.ordered == after.ordered
        && (retried || before.cancelled <= after.cancelled)
        && (retried || before.backordered + returned >= after.backordered)
        && before.shipped <= after.shipped
        && before.delivered <= after.delivered
        && before.returned <= after.returned
        && before.lost <= after.lost
}

/// Whether an order with these quantities may have `status`. Some statuses also depend on the flags, which events do
/// not have.
fn agrees(status: OrderStatus, q: &Quantities) -> bool {
    let live = q.ordered - q.cancelled;
    let arrived = q.delivered + q.returned + q.lost;
    let all_left = live > 0 && q.shipped == live;
    match status {
        OrderStatus::Pending => live > 0 && q.shipped + q.in_shipment == 0,
        OrderStatus::Backordered => q.backordered > 0 && q.shipped + q.in_shipment == 0,
        OrderStatus::Confirmed => live > 0 && q.backordered + q.shipped + q.in_shipment == 0,
        OrderStatus::Processing => live > 0 && q.shipped == 0,
        OrderStatus::PartiallyShipped => 0 < q.shipped && q.shipped < live,
        OrderStatus::Shipped => all_left && arrived < live,
        OrderStatus::Delivered => all_left && arrived == live && q.delivered > 0,
        OrderStatus::Failed => live == 0 || all_left && arrived == live && q.delivered == 0,
        OrderStatus::Cancelled => live == 0,
        // While a cancellation is requested, shipments go on, so all quantities are possible.
        OrderStatus::Cancelling => true,
    }
}

/// The state that a shipment's events add up to, and the faults found in them.
#[derive(Debug, Default)]
pub struct ShipmentHistory {
    pub version: i64,
    /// The state after the events that can be read; the shipment's row and its order's copy must equal it.
    pub state: Option<ShipmentCopy>,
    /// Whether the last event could not be read, which is then the newest of `faults`.
    pub unread: bool,
    pub faults: Vec<String>,
}

impl ShipmentHistory {
    /// The shipment's status; `None` before its first event.
    #[must_use]
    pub fn status(&self) -> Option<ShipmentStatus> {
        self.state.as_ref().map(|state| state.status)
    }

    /// Takes the next event of a shipment, in the order of the log.
    pub fn take(&mut self, seq: i64, kind: EventKind, at: Time, text: &str) {
        if seq != self.version + 1 {
            self.faults
                .push(format!("event {kind} has seq {seq} after {}", self.version));
        }
        self.version = seq;
        let after_unread = std::mem::take(&mut self.unread);
        let Ok(step) = serde_json::from_str::<body::ShipmentStep>(text) else {
            self.faults
                .push(format!("event {seq} {kind} cannot be read"));
            self.unread = true;
            return;
        };
        let from = if after_unread {
            step.previous_status.or(Some(step.status))
        } else {
            self.status()
        };
        let allowed = match from {
            None => kind == EventKind::ShipmentCreated && step.status == ShipmentStatus::Processing,
            Some(from) if kind == EventKind::ShipmentUpdated => from == step.status,
            Some(from) => {
                STEPS.contains(&(from, step.status))
                    && step.status.event() == kind
                    && step.previous_status == Some(from)
            }
        };
        if !allowed {
            let from = from.map_or("nothing", ShipmentStatus::as_str);
            self.faults.push(format!(
                "event {seq} {kind}: no step from {from} to {}",
                step.status
            ));
        }
        let before = self.state.take();
        if before.as_ref().is_some_and(|b| b.lines != step.lines) {
            self.faults
                .push(format!("event {seq} {kind}: what is in it has changed"));
        }
        self.state = Some(state(before, seq, kind, at, step));
    }
}

/// A shipment's state after an event: the event has every field but the times of earlier steps.
fn state(
    before: Option<ShipmentCopy>,
    seq: i64,
    kind: EventKind,
    at: Time,
    step: body::ShipmentStep,
) -> ShipmentCopy {
    let (created_at, left, arrived) = match before {
        Some(before) => (before.created_at, before.shipped_at, before.delivered_at),
        None => (at, None, None),
    };
    ShipmentCopy {
        id: step.shipment_id,
        vendor: step.vendor,
        attempt: step.attempt,
        status: step.status,
        version: seq,
        shown_in: 0,
        lines: step.lines,
        tracking_number: step.tracking_number,
        carrier: step.carrier,
        created_at,
        updated_at: at,
        shipped_at: match (left, kind) {
            (None, EventKind::ShipmentShipped) => Some(at),
            _ => left,
        },
        delivered_at: match kind {
            EventKind::ShipmentDelivered => Some(at),
            _ => arrived,
        },
    }
}

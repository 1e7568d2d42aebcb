//! Checking a past: whether a log of events could have happened and what it amounts to.
//!
//! Used by `waybill verify` and by every crash test; it must not share code with the decisions it checks,
//! the transition table apart.

use crate::event::{EventKind, body};
use crate::quantities::Quantities;
use crate::shipment::{STEPS, ShipmentStatus};
use crate::status::OrderStatus;
use crate::transitions;
use std::collections::BTreeMap;

/// What an aggregate's events amount to, and what is wrong with them.
#[derive(Debug, Default)]
pub struct OrderHistory {
    pub version: i64,
    pub status: Option<OrderStatus>,
    /// Per line, as the last event that told them.
    pub lines: BTreeMap<u16, Quantities>,
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
        if kind == EventKind::OrderCreated {
            if self.status.replace(OrderStatus::Pending).is_some() {
                self.faults.push("created twice".into());
            }
            return;
        }
        let Ok(step) = serde_json::from_str::<body::OrderStep>(text) else {
            self.faults
                .push(format!("event {seq} {kind} cannot be read"));
            return;
        };
        self.check_step(seq, kind, &step);
        self.status = Some(step.status);
        for line in step.lines {
            if !line.quantities.adds_up() {
                self.faults.push(format!(
                    "event {seq} {kind}: line {} does not add up",
                    line.id
                ));
            }
            self.lines.insert(line.id, line.quantities);
        }
    }

    fn check_step(&mut self, seq: i64, kind: EventKind, step: &body::OrderStep) {
        let allowed = match (self.status, step.previous_status) {
            (Some(from), Some(previous)) => {
                from == previous
                    && transitions::find(from, step.status).is_some_and(|row| row.event == kind)
            }
            (Some(from), None) => {
                from == step.status && !transitions::TABLE.iter().any(|row| row.event == kind)
            }
            (None, _) => false,
        };
        if !allowed {
            let from = self.status.map_or("nothing", OrderStatus::as_str);
            self.faults.push(format!(
                "event {seq} {kind} leads from {from} to {}, which the table does not allow",
                step.status
            ));
        }
    }
}

/// The same for a shipment.
#[derive(Debug, Default)]
pub struct ShipmentHistory {
    pub version: i64,
    pub status: Option<ShipmentStatus>,
    pub faults: Vec<String>,
}

impl ShipmentHistory {
    /// Takes the next event of a shipment, in the order of the log.
    pub fn take(&mut self, seq: i64, kind: EventKind, text: &str) {
        if seq != self.version + 1 {
            self.faults
                .push(format!("event {kind} has seq {seq} after {}", self.version));
        }
        self.version = seq;
        let Ok(step) = serde_json::from_str::<body::ShipmentStep>(text) else {
            self.faults
                .push(format!("event {seq} {kind} cannot be read"));
            return;
        };
        let allowed = match self.status {
            None => kind == EventKind::ShipmentCreated && step.status == ShipmentStatus::Processing,
            Some(from) if kind == EventKind::ShipmentUpdated => from == step.status,
            Some(from) => STEPS.contains(&(from, step.status)) && step.status.event() == kind,
        };
        if !allowed {
            self.faults.push(format!(
                "event {seq} {kind}: no step from {:?} to {}",
                self.status, step.status
            ));
        }
        self.status = Some(step.status);
    }
}

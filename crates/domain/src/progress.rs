//! How a change of quantities becomes steps, events and a new version: the mechanics under
//! [`crate::command`] and [`crate::fact`].
//!
//! Invariant: what [`Progress::finish`] hands back is sound ([`Order::is_sound`]), every step it took stands
//! in the table, and the version rose by one per event.

use crate::change::{Change, HoldChange, OrderChange, ReservationMove};
use crate::context::Context;
use crate::event::{EventKind, NewEvent, body, encode};
use crate::ids::{EventId, HoldId};
use crate::order::{Line, Order};
use crate::status::OrderStatus;
use crate::transitions;

/// An order on its way from one version to the next.
pub struct Progress<'a, 'c> {
    pub order: Order,
    before: &'a Order,
    reservations: Vec<ReservationMove>,
    holds: Vec<HoldChange>,
    steps: Vec<Step>,
    context: &'a mut Context<'c>,
}

struct Step {
    kind: EventKind,
    status: OrderStatus,
    previous: Option<OrderStatus>,
    reason: Option<String>,
    hold_id: Option<HoldId>,
}

impl<'a, 'c> Progress<'a, 'c> {
    /// Starts from the order as it stands.
    pub fn new(order: &'a Order, context: &'a mut Context<'c>) -> Self {
        Self {
            order: order.clone(),
            before: order,
            reservations: vec![],
            holds: vec![],
            steps: vec![],
            context,
        }
    }

    /// The time of the decision.
    pub fn now(&self) -> crate::time::Time {
        self.context.now
    }

    /// Remembers units that leave the reservation of line `index`; units agreed to by the inventory service,
    /// and lines without a source, have none.
    pub fn leave_reservation(&mut self, index: usize, consumed: i64, released: i64) {
        let line = &self.order.lines[index];
        let Some(vendor) = line
            .vendor
            .clone()
            .filter(|v| v.as_str() != crate::text::Vendor::INVENTORY)
        else {
            return;
        };
        if consumed + released > 0 {
            self.reservations.push(ReservationMove {
                line: line.id,
                sku: line.sku.clone(),
                vendor,
                consumed,
                released,
            });
        }
    }

    /// Gives up every unit that has not left; says whether there was one.
    pub fn give_up_waiting(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.order.lines.len() {
            let q = &mut self.order.lines[index].quantities;
            let (waiting, held) = (q.waiting(), q.reserved + q.in_shipment);
            q.cancelled += waiting;
            (q.backordered, q.reserved, q.in_shipment) = (0, 0, 0);
            any |= waiting > 0;
            self.leave_reservation(index, 0, held);
        }
        any
    }

    /// Gives up every unit that is in no shipment; says whether there was one.
    pub fn give_up_unpacked(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.order.lines.len() {
            let q = &mut self.order.lines[index].quantities;
            let (unpacked, held) = (q.backordered + q.reserved, q.reserved);
            q.cancelled += unpacked;
            (q.backordered, q.reserved) = (0, 0);
            any |= unpacked > 0;
            self.leave_reservation(index, 0, held);
        }
        any
    }

    /// A fresh id for a hold.
    pub fn new_hold_id(&mut self) -> HoldId {
        HoldId(self.context.ids.next())
    }

    /// Records an event that changes no status.
    pub fn note(&mut self, kind: EventKind, reason: Option<String>, hold_id: Option<HoldId>) {
        self.steps.push(Step {
            kind,
            status: self.order.status,
            previous: None,
            reason,
            hold_id,
        });
    }

    /// Records a hold placed or released.
    pub fn hold(&mut self, change: HoldChange) {
        self.holds.push(change);
    }

    /// Takes the one step from the order's status to `to`.
    pub fn step(&mut self, to: OrderStatus, reason: Option<&str>) {
        let from = self.order.status;
        let row = transitions::find(from, to);
        debug_assert!(row.is_some(), "{from} to {to} is not in the table");
        if let Some(row) = row {
            self.record(row, reason);
        }
    }

    fn record(&mut self, row: &transitions::Transition, reason: Option<&str>) {
        let previous = Some(self.order.status);
        self.order.status = row.to;
        match row.to {
            OrderStatus::Cancelled => self.order.cancelled_at = Some(self.context.now),
            OrderStatus::Delivered | OrderStatus::Failed => {
                self.order.completed_at = Some(self.context.now)
            }
            OrderStatus::Pending => self.order.completed_at = None,
            OrderStatus::Backordered
            | OrderStatus::Confirmed
            | OrderStatus::Processing
            | OrderStatus::PartiallyShipped
            | OrderStatus::Shipped
            | OrderStatus::Cancelling => {}
        }
        self.steps.push(Step {
            kind: row.event,
            status: row.to,
            previous,
            reason: reason.map(str::to_owned),
            hold_id: None,
        });
    }

    /// Walks forward to the status that quantities and flags now amount to, one event per step;
    /// says whether a step was taken.
    pub fn settle(&mut self, reason: Option<&str>) -> bool {
        let target = self.order.derived_status();
        let Some(path) = transitions::forward_path(self.order.status, target) else {
            debug_assert!(false, "no way from {} to {target}", self.order.status);
            return false;
        };
        for row in &path {
            self.record(row, reason);
        }
        !path.is_empty()
    }

    /// The change to write; `None` when nothing happened.
    #[must_use]
    pub fn finish(mut self) -> Option<Change> {
        if self.steps.is_empty() {
            return None;
        }
        self.order.updated_at = self.context.now;
        let last = self.steps.len() - 1;
        let steps = std::mem::take(&mut self.steps);
        let events = steps
            .into_iter()
            .enumerate()
            .map(|(i, step)| self.event(step, i == last))
            .collect();
        debug_assert!(self.order.is_sound(), "{:?}", self.order);
        let mut change = Change::new(self.order.tenant.clone(), self.order.id, self.order.part);
        change.events = events;
        change.reservations = self.reservations;
        change.holds = self.holds;
        change.order = Some(OrderChange {
            expected_version: self.before.version,
            changed_lines: changed_lines(self.before, &self.order),
            after: self.order,
        });
        Some(change)
    }

    fn event(&mut self, step: Step, last: bool) -> NewEvent {
        self.order.version += 1;
        let acted_on = matches!(
            step.kind,
            EventKind::OrderConfirmed | EventKind::OrderLinesReleased
        );
        let body = body::OrderStep {
            status: step.status,
            previous_status: step.previous,
            reason: step.reason,
            hold_id: step.hold_id,
            open_holds: if acted_on {
                self.order.open_holds()
            } else {
                vec![]
            },
            lines: if last || acted_on {
                self.order.event_lines(acted_on)
            } else {
                vec![]
            },
        };
        NewEvent {
            id: EventId(self.context.ids.next()),
            kind: step.kind,
            aggregate: self.order.aggregate(),
            seq: self.order.version,
            order_id: Some(self.order.id),
            tenant: self.order.tenant.clone(),
            occurred_at: self.context.now,
            body: encode(&body),
            meta: self.context.meta.clone(),
        }
    }
}

/// Indexes of the lines that differ.
fn changed_lines(before: &Order, after: &Order) -> Vec<usize> {
    let differs = |(_, (a, b)): &(usize, (&Line, &Line))| a != b;
    let pairs = before.lines.iter().zip(&after.lines).enumerate();
    pairs.filter(differs).map(|(index, _)| index).collect()
}

//! Turns a change of quantities into steps, events and a new version; used by [`crate::command`] and [`crate::fact`].
//!
//! Invariant: the order that [`Progress::finish`] returns is sound ([`Order::is_sound`]), every step it took is in the
//! transition table, and the version rose by one per event. The two callers decide which units move.

mod leaving;
mod sources;

use self::leaving::Leaving;
pub(crate) use self::leaving::units_of;
use crate::change::{Change, HoldChange, NewWork, OrderChange, OrderEffect};
use crate::context::Context;
use crate::event::{EventKind, NewEvent, SCHEMA_VERSION, SOURCES_SCHEMA_VERSION, body, encode};
use crate::ids::{EventId, HoldId};
use crate::order::{Line, Order};
use crate::reservation::ReservationMove;
use crate::status::OrderStatus;
use crate::text::Vendor;
use crate::transitions;

/// An order in the course of one decision, between two versions.
pub struct Progress<'a, 'c> {
    pub order: Order,
    /// The vendor that sends the parcel which a fact is about.
    pub parcel_of: Option<Vendor>,
    before: &'a Order,
    reservations: Vec<ReservationMove>,
    work: Vec<NewWork>,
    holds: Vec<HoldChange>,
    cancel_reason: Option<String>,
    steps: Vec<Step>,
    /// Units that delivery may ship from now on, named by `order.lines_released`.
    released: Vec<body::ShipmentLine>,
    context: &'a mut Context<'c>,
}

/// Why units are cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The customer, or somebody for them, asked for it.
    OfRequest,
    /// They have no source, or their shipment failed: a retry of the order sources them again.
    OfFailure,
}

struct Step {
    kind: EventKind,
    status: OrderStatus,
    previous: Option<OrderStatus>,
    reason: Option<String>,
    hold_id: Option<HoldId>,
}

impl<'a, 'c> Progress<'a, 'c> {
    /// Starts from the present order.
    pub fn new(order: &'a Order, context: &'a mut Context<'c>) -> Self {
        Self {
            order: order.clone(),
            parcel_of: None,
            before: order,
            reservations: vec![],
            work: vec![],
            holds: vec![],
            cancel_reason: None,
            steps: vec![],
            released: vec![],
            context,
        }
    }

    /// The time of the decision.
    pub fn now(&self) -> crate::time::Time {
        self.context.now
    }

    /// Notes units of line `index` that have left the warehouse; does nothing if `units` is 0.
    pub fn consume(&mut self, index: usize, units: i64) {
        self.leave(index, units, Leaving::Shipped);
    }

    /// Cancels every unit that has not left; returns whether there was one.
    pub fn give_up_waiting(&mut self, because: Because) -> bool {
        let mut any = false;
        for index in 0..self.order.lines.len() {
            any |= self.give_up_line(index, because) > 0;
        }
        any
    }

    /// Cancels every unit of line `index` that has not left; returns how many.
    pub fn give_up_line(&mut self, index: usize, because: Because) -> i64 {
        let q = &mut self.order.lines[index].quantities;
        let (waiting, held) = (q.waiting(), q.reserved + q.in_shipment);
        (q.backordered, q.reserved, q.in_shipment) = (0, 0, 0);
        self.cancelled(index, waiting, because);
        self.give_up_asked(index);
        self.leave(index, held, Leaving::GivenBack);
        waiting
    }

    /// Notes that units of line `index` were cancelled, which some counter has lost already.
    pub fn cancelled(&mut self, index: usize, units: i64, because: Because) {
        let line = &mut self.order.lines[index];
        line.quantities.cancelled += units;
        if because == Because::OfFailure {
            line.given_up += units;
        }
    }

    /// Cancels every unit that is in no shipment; returns whether there was one.
    pub fn give_up_unpacked(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.order.lines.len() {
            let q = &mut self.order.lines[index].quantities;
            let (unpacked, held) = (q.backordered + q.reserved, q.reserved);
            (q.backordered, q.reserved) = (0, 0);
            self.cancelled(index, unpacked, Because::OfRequest);
            any |= unpacked > 0;
            self.give_up_asked(index);
            self.leave(index, held, Leaving::Unpacked);
        }
        any
    }

    /// Cancels every unit that waits for stock; returns whether there was one.
    pub fn give_up_backordered(&mut self, because: Because) -> bool {
        let mut any = false;
        for index in 0..self.order.lines.len() {
            any |= self.give_up_backordered_of(index, because) > 0;
        }
        any
    }

    /// Cancels every unit of line `index` that waits for stock; returns how many.
    pub fn give_up_backordered_of(&mut self, index: usize, because: Because) -> i64 {
        let waiting = std::mem::take(&mut self.order.lines[index].quantities.backordered);
        self.cancelled(index, waiting, because);
        self.give_up_asked(index);
        waiting
    }

    /// Releases the units that are reserved for lines which have no use for them.
    pub fn give_back_forgotten(&mut self) {
        for index in 0..self.order.lines.len() {
            let forgotten = self.order.lines[index].forgotten();
            self.leave(index, forgotten, Leaving::GivenBack);
        }
    }

    /// Releases units of line `index` that were in a shipment; does nothing if `units` is 0.
    pub fn give_back(&mut self, index: usize, units: i64) {
        self.leave(index, units, Leaving::GivenBack);
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

    /// Records the reason that a caller gave for a cancellation.
    pub fn cancel_reason(&mut self, reason: Option<String>) {
        self.order.cancel_reason.clone_from(&reason);
        self.cancel_reason = reason;
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
                self.order.completed_at = Some(self.context.now);
            }
            OrderStatus::Pending => self.order.completed_at = None,
            // The shippable units were released to delivery. Without this flag, an order with the policy `ship_partial`
            // would become confirmed again when its missing units are reserved.
            OrderStatus::Processing => self.order.flags.started = true,
            OrderStatus::Backordered
            | OrderStatus::Confirmed
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

    /// Takes the steps to the status that follows from the quantities and flags, one event per step; returns whether a
    /// step was taken.
    pub fn settle(&mut self, reason: Option<&str>) -> bool {
        let taken = self.steps.len();
        let target = self.order.derived_status();
        if let Some(stop) = self.stop_before(target) {
            self.walk(stop, reason);
        }
        self.walk(target, reason);
        self.steps.len() > taken
    }

    /// A status that must be reached before `target` but that the shortest path through the table skips, because the
    /// order is short or because all units have left.
    fn stop_before(&self, target: OrderStatus) -> Option<OrderStatus> {
        let q = self.order.totals();
        if self.order.status == OrderStatus::Pending && q.backordered > 0 {
            (target != OrderStatus::Pending).then_some(OrderStatus::Backordered)
        } else {
            let all_left = q.shipped > 0 && q.shipped == q.ordered - q.cancelled;
            (target == OrderStatus::Failed && all_left).then_some(OrderStatus::Shipped)
        }
    }

    fn walk(&mut self, to: OrderStatus, reason: Option<&str>) {
        let path = transitions::forward_path(self.order.status, to);
        debug_assert!(path.is_some(), "no way from {} to {to}", self.order.status);
        for row in path.unwrap_or_default() {
            self.record(row, reason);
        }
    }

    /// Releases the newly reserved units of an order that ships in parts (`processing`, `partially_shipped`); returns
    /// whether there are any. `order.confirmed` needs no such event, because it releases all reserved units.
    pub fn release(&mut self) -> bool {
        if !ships_in_parts(self.order.status) {
            return false;
        }
        let told_before = ships_in_parts(self.before.status);
        let lines = self.order.lines.iter().zip(&self.before.lines);
        self.released = lines
            .map(|(now, before)| {
                let known = if told_before {
                    before.quantities.reserved
                } else {
                    0
                };
                body::ShipmentLine {
                    line: now.id,
                    quantity: now.quantities.reserved - known,
                }
            })
            .filter(|unit| unit.quantity > 0)
            .collect();
        if self.released.is_empty() {
            return false;
        }
        self.note(EventKind::OrderLinesReleased, None, None);
        true
    }

    /// The change to write; `None` when nothing happened. Where only reservations move, the order keeps its version.
    #[must_use]
    pub fn finish(mut self) -> Option<Change<OrderEffect>> {
        if self.steps.is_empty() && self.reservations.is_empty() {
            return None;
        }
        if !self.steps.is_empty() {
            self.order.updated_at = self.context.now;
        }
        // No error: a change that moves only reservations has no last step.
        let last = self.steps.len().saturating_sub(1);
        let steps = std::mem::take(&mut self.steps);
        let events = steps
            .into_iter()
            .enumerate()
            .map(|(i, step)| self.event(step, i == last))
            .collect();
        debug_assert!(self.order.is_sound(), "{:?}", self.order);
        let (tenant, order_id, partition) = (
            self.order.tenant.clone(),
            self.order.id,
            self.order.partition,
        );
        self.hand_out_released();
        let effect = OrderEffect {
            cancel_reason: self.cancel_reason,
            holds: self.holds,
            reservations: self.reservations,
            order: OrderChange {
                expected_version: self.before.version,
                status_before: self.before.status,
                changed_lines: changed_lines(self.before, &self.order),
                shipments_changed: false,
                after: self.order,
            },
        };
        let mut change = Change::new(tenant, order_id, partition, effect);
        change.events = events;
        change.work = self.work;
        Some(change)
    }

    fn event(&mut self, step: Step, last: bool) -> NewEvent {
        self.order.version += 1;
        let acted_on = matches!(
            step.kind,
            EventKind::OrderConfirmed | EventKind::OrderLinesReleased
        );
        let lines = if last || acted_on {
            self.event_lines(step.kind)
        } else {
            vec![]
        };
        let names_sources = lines.iter().any(|line| !line.sources.is_empty());
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
            lines,
        };
        NewEvent {
            id: EventId(self.context.ids.next()),
            schema_version: if names_sources {
                SOURCES_SCHEMA_VERSION
            } else {
                SCHEMA_VERSION
            },
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

    fn event_lines(&self, kind: EventKind) -> Vec<body::Line> {
        let acted_on = matches!(
            kind,
            EventKind::OrderConfirmed | EventKind::OrderLinesReleased
        );
        let mut lines = self.order.event_lines(acted_on);
        if kind == EventKind::OrderLinesReleased {
            for line in &mut lines {
                let unit = self.released.iter().find(|unit| unit.line == line.id);
                line.released = unit.map_or(0, |unit| unit.quantity);
                if !line.sources.is_empty() {
                    line.sources = self.released_sources(line.id, line.released);
                }
            }
        }
        lines
    }
}

/// Whether delivery was told which units of an order with this status may ship.
fn ships_in_parts(status: OrderStatus) -> bool {
    matches!(
        status,
        OrderStatus::Processing | OrderStatus::PartiallyShipped
    )
}

/// Indexes of the lines whose rows differ; sources have rows of their own.
fn changed_lines(before: &Order, after: &Order) -> Vec<usize> {
    let differs = |(_, (a, b)): &(usize, (&Line, &Line))| {
        (&a.vendor, a.quantities, a.given_up) != (&b.vendor, b.quantities, b.given_up)
    };
    let pairs = before.lines.iter().zip(&after.lines).enumerate();
    pairs.filter(differs).map(|(index, _)| index).collect()
}

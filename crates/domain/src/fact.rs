//! What has happened to an order. A fact that arrives late changes nothing; one that overtakes takes every
//! step it implies.

use crate::change::Change;
use crate::context::Context;
use crate::event::EventKind;
use crate::event::body::ShipmentLine;
use crate::order::Order;
use crate::progress::Progress;
use crate::status::OrderStatus;

/// Something that happened, past tense. Units are per line of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Units that waited are held now, or agreed to by their vendor.
    UnitsReserved(Vec<ShipmentLine>),
    /// Every source was asked; what is not reserved has to wait.
    Backordered,
    /// Nobody can give what is missing.
    SourcesExhausted,
    /// The deadline or the promised date has passed.
    DeadlinePassed,
    /// Units were put into a shipment.
    ShipmentCreated(Vec<ShipmentLine>),
    /// They left the house.
    ShipmentShipped(Vec<ShipmentLine>),
    /// They arrived.
    ShipmentDelivered(Vec<ShipmentLine>),
    /// They came back.
    ShipmentReturned(Vec<ShipmentLine>),
    /// They are gone.
    ShipmentLost(Vec<ShipmentLine>),
    /// The shipment was called off before it left; its units wait again.
    ShipmentCancelled(Vec<ShipmentLine>),
    /// The shipment could not be made: its units have no source left.
    ShipmentFailed(Vec<ShipmentLine>),
    /// Delivery agrees that nothing has left, and nothing will.
    CancelAgreed,
    /// Delivery refuses: something has left.
    CancelRefused,
}

/// Decides what a fact changes; `None` when it came late and changes nothing.
#[must_use]
pub fn apply(order: &Order, fact: &Fact, context: &mut Context<'_>) -> Option<Change> {
    let mut progress = Progress::new(order, context);
    let changed = match fact {
        Fact::UnitsReserved(units) => move_units(&mut progress, units, reserve),
        Fact::Backordered => backorder(&mut progress),
        Fact::SourcesExhausted => return give_up(progress, "no source left"),
        Fact::DeadlinePassed => return deadline_passed(progress),
        Fact::ShipmentCreated(units) => move_units(&mut progress, units, put_into_shipment),
        Fact::ShipmentShipped(units) => move_units(&mut progress, units, ship),
        Fact::ShipmentDelivered(units) => move_units(&mut progress, units, |p, i, n| {
            arrive(p, i, n, Arrival::Delivered)
        }),
        Fact::ShipmentReturned(units) => move_units(&mut progress, units, |p, i, n| {
            arrive(p, i, n, Arrival::Returned)
        }),
        Fact::ShipmentLost(units) => move_units(&mut progress, units, |p, i, n| {
            arrive(p, i, n, Arrival::Lost)
        }),
        Fact::ShipmentCancelled(units) => move_units(&mut progress, units, take_back),
        Fact::ShipmentFailed(units) => return shipment_failed(progress, units),
        Fact::CancelAgreed => return cancel_agreed(progress),
        Fact::CancelRefused => return cancel_refused(progress),
    };
    if !changed {
        return None;
    }
    if !progress.settle(None) {
        progress.note(EventKind::OrderLinesChanged, None, None);
    }
    progress.finish()
}

/// Applies `step` to each line's units; says whether any unit moved.
fn move_units(
    progress: &mut Progress<'_, '_>,
    units: &[ShipmentLine],
    step: impl Fn(&mut Progress<'_, '_>, usize, i64) -> i64,
) -> bool {
    let mut moved = 0;
    for unit in units {
        // A line the order does not have is a fact about something else.
        if let Some(index) = progress.order.lines.iter().position(|l| l.id == unit.line) {
            moved += step(progress, index, unit.quantity.max(0));
        }
    }
    moved > 0
}

fn reserve(progress: &mut Progress<'_, '_>, index: usize, units: i64) -> i64 {
    let q = &mut progress.order.lines[index].quantities;
    let moved = units.min(q.backordered);
    q.backordered -= moved;
    q.reserved += moved;
    if progress.order.totals().backordered == 0 {
        progress.order.flags.sourcing = false;
    }
    moved
}

fn backorder(progress: &mut Progress<'_, '_>) -> bool {
    std::mem::replace(&mut progress.order.flags.sourcing, false)
        && progress.order.totals().backordered > 0
}

fn put_into_shipment(progress: &mut Progress<'_, '_>, index: usize, units: i64) -> i64 {
    let q = &mut progress.order.lines[index].quantities;
    let moved = units.min(q.reserved);
    q.reserved -= moved;
    q.in_shipment += moved;
    progress.order.flags.started |= moved > 0;
    moved
}

/// Units that left are taken from those in shipments first; a fact that overtook the shipment's creation takes
/// them from the reserved ones.
fn ship(progress: &mut Progress<'_, '_>, index: usize, units: i64) -> i64 {
    let q = &mut progress.order.lines[index].quantities;
    let packed = units.min(q.in_shipment);
    let overtaken = (units - packed).min(q.reserved);
    q.in_shipment -= packed;
    q.reserved -= overtaken;
    q.shipped += packed + overtaken;
    progress.order.flags.started |= packed + overtaken > 0;
    progress.leave_reservation(index, packed + overtaken, 0);
    packed + overtaken
}

#[derive(Clone, Copy)]
enum Arrival {
    Delivered,
    Returned,
    Lost,
}

fn arrive(progress: &mut Progress<'_, '_>, index: usize, units: i64, arrival: Arrival) -> i64 {
    let missing = units - progress.order.lines[index].quantities.under_way();
    if missing > 0 {
        ship(progress, index, missing);
    }
    let q = &mut progress.order.lines[index].quantities;
    let moved = units.min(q.under_way());
    match arrival {
        Arrival::Delivered => q.delivered += moved,
        Arrival::Returned => q.returned += moved,
        Arrival::Lost => q.lost += moved,
    }
    moved
}

fn take_back(progress: &mut Progress<'_, '_>, index: usize, units: i64) -> i64 {
    let q = &mut progress.order.lines[index].quantities;
    let moved = units.min(q.in_shipment);
    q.in_shipment -= moved;
    q.reserved += moved;
    moved
}

/// The units of a shipment that could not be made are given up. If nothing has shipped and nothing else can,
/// the order fails; else it goes on with what is left.
fn shipment_failed(mut progress: Progress<'_, '_>, units: &[ShipmentLine]) -> Option<Change> {
    let moved = move_units(&mut progress, units, |progress, index, units| {
        let q = &mut progress.order.lines[index].quantities;
        let moved = units.min(q.in_shipment);
        q.in_shipment -= moved;
        q.cancelled += moved;
        progress.leave_reservation(index, 0, moved);
        moved
    });
    if !moved {
        return None;
    }
    let totals = progress.order.totals();
    if progress.order.flags.cancelling_from.is_none() && totals.ordered == totals.cancelled {
        progress.order.flags.failed = true;
    } else {
        progress.note(
            EventKind::OrderLineCancelled,
            Some("shipment failed".into()),
            None,
        );
    }
    progress.settle(Some("shipment failed"));
    progress.finish()
}

/// Ends an order that cannot be filled; what has shipped is never undone by it.
fn give_up(mut progress: Progress<'_, '_>, reason: &str) -> Option<Change> {
    let nothing_shipped = progress.order.totals().shipped == 0;
    match progress.order.status {
        OrderStatus::Pending | OrderStatus::Processing if nothing_shipped => {}
        OrderStatus::Backordered if reason == PROMISE_PASSED => {}
        _ => return None,
    }
    progress.order.flags.failed = true;
    progress.order.flags.sourcing = false;
    progress.give_up_waiting();
    progress.step(OrderStatus::Failed, Some(reason));
    progress.finish()
}

const PROMISE_PASSED: &str = "promise date passed";

fn deadline_passed(progress: Progress<'_, '_>) -> Option<Change> {
    match progress.order.status {
        OrderStatus::Pending => give_up(progress, "deadline passed"),
        OrderStatus::Backordered => give_up(progress, PROMISE_PASSED),
        _ => None,
    }
}

fn cancel_agreed(mut progress: Progress<'_, '_>) -> Option<Change> {
    let nothing_shipped = progress.order.totals().shipped == 0;
    progress
        .order
        .flags
        .cancelling_from
        .filter(|_| nothing_shipped)?;
    progress.order.flags.cancelling_from = None;
    progress.give_up_waiting();
    let reason = progress.order.cancel_reason.clone();
    progress.step(OrderStatus::Cancelled, reason.as_deref());
    progress.finish()
}

/// Back to where it came from, then in the same transaction: what has not left is given up, and one event per
/// step taken meanwhile.
fn cancel_refused(mut progress: Progress<'_, '_>) -> Option<Change> {
    let from = progress.order.flags.cancelling_from.take()?;
    progress.step(from, Some("something has left already"));
    if progress.give_up_unpacked() {
        progress.note(
            EventKind::OrderLineCancelled,
            progress.order.cancel_reason.clone(),
            None,
        );
    }
    progress.settle(None);
    progress.finish()
}

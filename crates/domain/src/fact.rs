//! Applies facts about shipments and stock to an order. A fact that arrives late changes nothing; a fact that arrives
//! before earlier ones takes every step in between.

use crate::change::{Change, OrderEffect};
use crate::context::Context;
use crate::event::EventKind;
use crate::event::body::{self, ShipmentLine};
use crate::order::Order;
use crate::progress::{Because, Progress};
use crate::status::{AllocationPolicy, OrderStatus};
use crate::text::Vendor;

/// Something that has happened, in the past tense. Units are per line of the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Waiting units are reserved now, or their vendor agreed. The caller writes the reservation in the same
    /// transaction.
    UnitsReserved(Vec<ShipmentLine>),
    /// Every source was asked; units that are not reserved wait for stock.
    Backordered,
    /// No source has the missing units.
    SourcesExhausted,
    /// The time that the order waits for the vendors that it asks has passed.
    DeadlinePassed,
    /// The date that the customer was promised has passed, and units still wait for stock.
    PromisePassed,
    /// Units were put into a shipment.
    ShipmentCreated(Vec<ShipmentLine>),
    /// Units of a shipment left the warehouse.
    ShipmentShipped(Vec<ShipmentLine>),
    /// Units of a shipment were delivered.
    ShipmentDelivered(Vec<ShipmentLine>),
    /// Units of a shipment came back.
    ShipmentReturned(Vec<ShipmentLine>),
    /// Units of a shipment are lost.
    ShipmentLost(Vec<ShipmentLine>),
    /// The shipment was cancelled before it left; its units may ship in another one.
    ShipmentCancelled(Vec<ShipmentLine>),
    /// The shipment failed: its units have no source left.
    ShipmentFailed(Vec<ShipmentLine>),
    /// Delivery agrees to cancel: no unit has left the warehouse, and none will.
    CancelAgreed,
    /// Delivery refuses to cancel: units have left the warehouse.
    CancelRefused,
}

/// Decides what a fact changes; `None` when it arrived late and changes nothing.
#[must_use]
pub fn apply(order: &Order, fact: &Fact, context: &mut Context<'_>) -> Option<Change<OrderEffect>> {
    apply_of_vendor(order, fact, None, context)
}

/// As [`apply`], for a fact about a parcel that a vendor sends: units of a line with several sources are its units.
#[must_use]
pub fn apply_of_vendor(
    order: &Order,
    fact: &Fact,
    vendor: Option<&Vendor>,
    context: &mut Context<'_>,
) -> Option<Change<OrderEffect>> {
    let mut progress = Progress::new(order, context);
    progress.parcel_of = vendor.cloned();
    let changed = match fact {
        Fact::UnitsReserved(units) => move_units(&mut progress, units, reserve),
        Fact::Backordered if order.policy == AllocationPolicy::Reject => {
            return sources_exhausted(progress, "short, and the order may not wait");
        }
        Fact::Backordered => backorder(&mut progress),
        Fact::SourcesExhausted => return sources_exhausted(progress, "no source left"),
        Fact::DeadlinePassed => return deadline_passed(progress),
        Fact::PromisePassed => return promise_passed(progress),
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
    let stepped = progress.settle(None);
    // Only these facts can leave reserved units that delivery may ship but does not know of.
    let may_ship = match fact {
        Fact::UnitsReserved(_) | Fact::Backordered | Fact::ShipmentCancelled(_) => {
            progress.release()
        }
        _ => false,
    };
    if !stepped && !may_ship {
        progress.note(EventKind::OrderLinesChanged, None, None);
    }
    progress.finish()
}

/// Applies `step` to each line's units; returns whether any unit moved.
fn move_units(
    progress: &mut Progress<'_, '_>,
    units: &[ShipmentLine],
    step: impl Fn(&mut Progress<'_, '_>, usize, i64) -> i64,
) -> bool {
    let mut moved = 0;
    for unit in units {
        // A fact about a line that the order does not have is ignored.
        if let Some(index) = progress.order.lines.iter().position(|l| l.id == unit.line) {
            moved += step(progress, index, unit.quantity.max(0));
        }
    }
    moved > 0
}

pub(crate) fn reserve(progress: &mut Progress<'_, '_>, index: usize, units: i64) -> i64 {
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

/// Moves units that left the warehouse: those in shipments first, then reserved ones, because this fact may arrive
/// before the shipment's creation.
fn ship(progress: &mut Progress<'_, '_>, index: usize, units: i64) -> i64 {
    let q = &mut progress.order.lines[index].quantities;
    let packed = units.min(q.in_shipment);
    let overtaken = (units - packed).min(q.reserved);
    q.in_shipment -= packed;
    q.reserved -= overtaken;
    q.shipped += packed + overtaken;
    progress.order.flags.started |= packed + overtaken > 0;
    progress.consume(index, packed + overtaken);
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

/// Cancels the units of a failed shipment.
fn shipment_failed(
    mut progress: Progress<'_, '_>,
    units: &[ShipmentLine],
) -> Option<Change<OrderEffect>> {
    let moved = move_units(&mut progress, units, |progress, index, units| {
        let q = &mut progress.order.lines[index].quantities;
        let moved = units.min(q.in_shipment);
        q.in_shipment -= moved;
        progress.cancelled(index, moved, Because::OfFailure);
        progress.give_back(index, moved);
        moved
    });
    if moved {
        go_on_without(progress, "shipment failed")
    } else {
        None
    }
}

/// Goes on after units were cancelled for `reason`: the order fails if no unit is left and continues otherwise. While a
/// cancellation waits for delivery's answer, only that answer decides.
fn go_on_without(mut progress: Progress<'_, '_>, reason: &str) -> Option<Change<OrderEffect>> {
    let totals = progress.order.totals();
    let none_left = totals.ordered == totals.cancelled;
    if none_left && progress.order.flags.cancelling_from.is_none() {
        progress.order.flags.failed = true;
        progress.settle(Some(reason));
    } else {
        progress.note(EventKind::OrderLineCancelled, Some(reason.into()), None);
        progress.settle(None);
    }
    progress.finish()
}

/// No source has the missing units. Before anything was released to delivery the whole order fails. Afterwards only the
/// waiting units are cancelled, because the released ones may be leaving the warehouse at this moment.
pub(crate) fn sources_exhausted(
    mut progress: Progress<'_, '_>,
    reason: &str,
) -> Option<Change<OrderEffect>> {
    match progress.order.status {
        OrderStatus::Pending => fail(progress, reason),
        OrderStatus::Processing | OrderStatus::PartiallyShipped | OrderStatus::Cancelling => {
            progress.order.flags.sourcing = false;
            if progress.give_up_backordered(Because::OfFailure) {
                go_on_without(progress, reason)
            } else {
                None
            }
        }
        // A backordered order waits for stock until the promised date; in the other statuses no unit is missing.
        OrderStatus::Backordered
        | OrderStatus::Confirmed
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Cancelled
        | OrderStatus::Failed => None,
    }
}

/// An order that may wait does so from now on, without the vendors that have not answered; another one fails.
fn deadline_passed(mut progress: Progress<'_, '_>) -> Option<Change<OrderEffect>> {
    match progress.order.status {
        OrderStatus::Pending if !progress.order.may_wait() => fail(progress, "deadline passed"),
        OrderStatus::Pending
        | OrderStatus::Backordered
        | OrderStatus::Processing
        | OrderStatus::PartiallyShipped => {
            let now = progress.now();
            progress.give_up_overdue(now);
            progress.look_at_ours();
            if std::mem::replace(&mut progress.order.flags.sourcing, false) {
                progress.wait_until_promised();
            }
            if progress.settle(None) {
                progress.release();
            }
            progress.finish()
        }
        // Only delivery's answer decides about the order; the vendors need not be waited for.
        OrderStatus::Cancelling => {
            let now = progress.now();
            progress.give_up_overdue(now);
            progress.finish()
        }
        OrderStatus::Confirmed
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Cancelled
        | OrderStatus::Failed => None,
    }
}

/// Fails the order if nothing was released to delivery. Afterwards only the units that still wait are cancelled.
fn promise_passed(mut progress: Progress<'_, '_>) -> Option<Change<OrderEffect>> {
    let reason = "promise date passed";
    match progress.order.status {
        OrderStatus::Pending | OrderStatus::Backordered => fail(progress, reason),
        OrderStatus::Processing | OrderStatus::PartiallyShipped => {
            if progress.give_up_backordered(Because::OfFailure) {
                go_on_without(progress, reason)
            } else {
                None
            }
        }
        OrderStatus::Confirmed
        | OrderStatus::Shipped
        | OrderStatus::Delivered
        | OrderStatus::Cancelling
        | OrderStatus::Cancelled
        | OrderStatus::Failed => None,
    }
}

/// Fails an order of which nothing was released to delivery.
fn fail(mut progress: Progress<'_, '_>, reason: &str) -> Option<Change<OrderEffect>> {
    progress.order.flags.failed = true;
    progress.order.flags.sourcing = false;
    progress.give_up_waiting(Because::OfFailure);
    progress.step(OrderStatus::Failed, Some(reason));
    progress.finish()
}

/// Cancels the order. If units have shipped, the agreement contradicts the order's state and changes nothing.
fn cancel_agreed(mut progress: Progress<'_, '_>) -> Option<Change<OrderEffect>> {
    let nothing_shipped = progress.order.totals().shipped == 0;
    progress
        .order
        .flags
        .cancelling_from
        .filter(|_| nothing_shipped)?;
    progress.order.flags.cancelling_from = None;
    progress.give_up_waiting(Because::OfRequest);
    progress.step(OrderStatus::Cancelled, Some(body::CANCEL_REQUESTED));
    progress.finish()
}

/// Returns to the status before the request. The same change cancels the units that have not left and has an event for
/// each step since the request.
fn cancel_refused(mut progress: Progress<'_, '_>) -> Option<Change<OrderEffect>> {
    let from = progress.order.flags.cancelling_from.take()?;
    progress.step(from, Some("something has left already"));
    let totals = progress.order.totals();
    if totals.shipped == 0 {
        // The answer arrived before the events of the shipments that have left. Cancelling the rest now would release
        // units that are already under way. The order can be cancelled again once those events have arrived.
        progress.order.flags.failed = totals.ordered == totals.cancelled;
    } else if progress.give_up_unpacked() {
        let reason = body::CANCEL_REQUESTED.to_owned();
        progress.note(EventKind::OrderLineCancelled, Some(reason), None);
    }
    progress.settle(None);
    progress.finish()
}

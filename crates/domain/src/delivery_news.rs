//! The effect of a shipment's or a delivery's event on its order: the state of the shipment, of which the order keeps a
//! copy, and the fact that moves the order's units.
//!
//! The order shows its copies and never reads delivery's rows, so that delivery can have a database of its own. An event
//! that changes only a copy leaves the order's version as it is and makes no event: the version counts the order's own
//! events.

use crate::change::{Change, OrderChange, OrderEffect};
use crate::context::Context;
use crate::event::{AggregateKind, BodyError, EventKind, NewEvent, body};
use crate::fact::{self, Fact};
use crate::order::Order;
use crate::shipment::{ShipmentCopy, ShipmentStatus};

/// The content of such an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryNews {
    /// The shipment's state after the event.
    pub shipment: Option<ShipmentCopy>,
    /// The fact about the order's units, if the event moves any.
    pub fact: Option<Fact>,
}

/// Decides what the news changes on the order; `None` when it changes nothing. The fact is applied even if the copy is
/// newer already, because a copy that was made from the shipment's row may be ahead of the events that the order has
/// applied.
#[must_use]
pub fn on_delivery_news(
    order: &Order,
    news: &DeliveryNews,
    context: &mut Context<'_>,
) -> Option<Change<OrderEffect>> {
    let vendor = news.shipment.as_ref().map(|shipment| &shipment.vendor);
    let applied = news
        .fact
        .as_ref()
        .and_then(|fact| fact::apply_of_vendor(order, fact, vendor, context));
    let Some(shipment) = news.shipment.clone().and_then(|s| newer(order, s)) else {
        return applied;
    };
    let mut change = applied.unwrap_or_else(|| {
        let (tenant, effect) = (order.tenant.clone(), unchanged(order));
        Change::new(tenant, order.id, order.partition, effect)
    });
    let written = &mut change.effect.order;
    let version = written.after.version;
    keep(
        &mut written.after.shipments,
        ShipmentCopy {
            shown_in: version.max(order.version + 1),
            ..shipment
        },
    );
    written.shipments_changed = true;
    Some(change)
}

/// The shipment's state with the times of earlier steps; `None` when the order's copy is as new or newer.
fn newer(order: &Order, shipment: ShipmentCopy) -> Option<ShipmentCopy> {
    match order.shipments.iter().find(|known| known.id == shipment.id) {
        Some(known) if known.version >= shipment.version => None,
        Some(known) => Some(shipment.after(known)),
        None => Some(shipment),
    }
}

/// Replaces the copy of the same shipment; copies are sorted by creation time, oldest first.
fn keep(copies: &mut Vec<ShipmentCopy>, copy: ShipmentCopy) {
    copies.retain(|known| known.id != copy.id);
    let age = |copy: &ShipmentCopy| (copy.created_at, copy.id);
    let place = copies.partition_point(|known| age(known) < age(&copy));
    copies.insert(place, copy);
}

/// The order written as it is.
fn unchanged(order: &Order) -> OrderEffect {
    OrderEffect {
        order: OrderChange {
            expected_version: order.version,
            status_before: order.status,
            after: order.clone(),
            changed_lines: vec![],
            shipments_changed: false,
        },
        cancel_reason: None,
        holds: vec![],
        reservations: vec![],
    }
}

/// Parses an event of the order's shipments or its delivery; other events give empty news.
///
/// # Errors
/// The body cannot be read; the consumer then parks the event.
pub fn parse(event: &NewEvent) -> Result<DeliveryNews, BodyError> {
    if event.aggregate.kind != AggregateKind::Shipment {
        event.body_text()?;
        let fact = match event.kind {
            EventKind::DeliveryCancelAgreed => Some(Fact::CancelAgreed),
            EventKind::DeliveryCancelRefused => Some(Fact::CancelRefused),
            _ => None,
        };
        return Ok(DeliveryNews {
            shipment: None,
            fact,
        });
    }
    let step: body::ShipmentStep = event.read_body()?;
    let fact = fact_of(event.kind, &step);
    Ok(DeliveryNews {
        shipment: Some(ShipmentCopy::of_event(event, step)),
        fact,
    })
}

/// The fact about the order's units in a shipment's event.
fn fact_of(kind: EventKind, step: &body::ShipmentStep) -> Option<Fact> {
    let tell: fn(Vec<body::ShipmentLine>) -> Fact = match kind {
        EventKind::ShipmentCreated => Fact::ShipmentCreated,
        // A parcel that is sent out again was counted as shipped before; counting it twice would take units of another
        // shipment.
        EventKind::ShipmentShipped
            if step.previous_status == Some(ShipmentStatus::DeliveryFailed) =>
        {
            return None;
        }
        EventKind::ShipmentShipped => Fact::ShipmentShipped,
        EventKind::ShipmentDelivered => Fact::ShipmentDelivered,
        EventKind::ShipmentReturned => Fact::ShipmentReturned,
        EventKind::ShipmentLost => Fact::ShipmentLost,
        EventKind::ShipmentCancelled => Fact::ShipmentCancelled,
        EventKind::ShipmentFailed => Fact::ShipmentFailed,
        // After a failed delivery attempt the units are still under way; the other events move no units.
        _ => return None,
    };
    Some(tell(step.lines.clone()))
}

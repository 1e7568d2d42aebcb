//! The delivery side of an order, for the role `delivery`: which units may ship, which have shipped, and the answer to
//! a cancellation. It uses no row of the order itself, so that delivery can have a database of its own.

use super::record::{Delivery, DeliveryState, Released};
use crate::change::{Change, DeliveryChange, DeliveryEffect, ShipmentChange};
use crate::context::Context;
use crate::event::{BodyError, EventKind, NewEvent, SCHEMA_VERSION, body, encode};
use crate::ids::{EventId, HoldId, OrderId, ShipmentId};
use crate::shipment::{self, Shipment, ShipmentStatus};
use crate::text::{Tenant, Vendor};
use crate::time::Time;
use crate::timer::TimerChange;
use std::collections::BTreeMap;

/// What an order's event means for its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderNews {
    /// `order.confirmed` or `order.lines_released`: these units may ship.
    Released {
        lines: Vec<ReleasedLine>,
        open_holds: Vec<HoldId>,
    },
    HoldPlaced(HoldId),
    HoldReleased(HoldId),
    CancelRequested,
}

/// Units of a line that an event releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasedLine {
    pub units: Released,
    /// How many units of the line may have shipped once these have, those released earlier included.
    pub in_all: i64,
}

/// The simulated carrier's delays; the caller supplies the random ones.
pub trait Carrier {
    /// When a shipment made now leaves the warehouse.
    fn ships_at(&mut self, now: Time) -> Time;
}

/// The order of a delivery.
pub struct Subject {
    pub order_id: OrderId,
    pub tenant: Tenant,
    pub partition: u16,
    /// The `seq` of the order's event.
    pub seq: i64,
}

/// Decides what an event of the order changes in its delivery; `None` when it changes nothing.
///
/// `delivery` and `shipments` are the stored delivery and shipments of the order.
pub fn on_order_news(
    subject: Subject,
    delivery: Option<&Delivery>,
    shipments: &[Shipment],
    news: OrderNews,
    carrier: &mut dyn Carrier,
    context: &mut Context<'_>,
) -> Option<Change<DeliveryEffect>> {
    let seq = subject.seq;
    if delivery.is_some_and(|known| seq <= known.last_order_seq) {
        return None;
    }
    let mut change = Change::new(
        subject.tenant.clone(),
        subject.order_id,
        subject.partition,
        DeliveryEffect::default(),
    );
    let before = delivery.cloned();
    let mut after = before.clone().unwrap_or_else(|| {
        Delivery::unknown(
            subject.order_id,
            subject.tenant,
            subject.partition,
            context.now,
        )
    });
    match news {
        OrderNews::Released { lines, open_holds } => {
            if after.state == DeliveryState::Cancelled {
                return None;
            }
            for line in lines {
                let units = not_shipped(line, &after, shipments);
                after.released.extend(units);
            }
            let new_holds = open_holds
                .into_iter()
                .filter(|h| !after.open_holds.contains(h))
                .collect::<Vec<_>>();
            after.open_holds.extend(new_holds);
        }
        OrderNews::HoldPlaced(hold) => {
            if after.open_holds.contains(&hold) {
                return None;
            }
            after.open_holds.push(hold);
        }
        OrderNews::HoldReleased(hold) => after.open_holds.retain(|h| *h != hold),
        OrderNews::CancelRequested => {
            // Delivery has agreed before: its answer is in the log, so no second one is sent.
            if after.state == DeliveryState::Cancelled {
                return None;
            }
            answer_cancellation(&mut after, shipments, &mut change, context);
        }
    }
    start_if_free(&mut after, shipments, &mut change, carrier, context);
    if before.as_ref() == Some(&after) && change.effect.shipments.is_empty() {
        return None;
    }
    after.last_order_seq = seq;
    let expected_revision = after.revision;
    after.revision += 1;
    after.updated_at = context.now;
    change.effect.delivery = Some(DeliveryChange {
        expected_revision,
        after,
    });
    Some(change)
}

/// What an event releases beyond the units that were released or shipped before; `None` when that is nothing.
///
/// An order's store that was restored may release units again that left before the restore: it does not know of that
/// any more, and the event is another one.
fn not_shipped(
    line: ReleasedLine,
    delivery: &Delivery,
    shipments: &[Shipment],
) -> Option<Released> {
    let ReleasedLine { mut units, in_all } = line;
    let is_valid = |s: &&Shipment| match s.status {
        ShipmentStatus::Cancelled | ShipmentStatus::Failed => false,
        ShipmentStatus::Processing
        | ShipmentStatus::Shipped
        | ShipmentStatus::DeliveryFailed
        | ShipmentStatus::Delivered
        | ShipmentStatus::Returned
        | ShipmentStatus::Lost => true,
    };
    let shipped = shipments.iter().filter(is_valid).flat_map(|s| &s.lines);
    let shipped = shipped.filter(|l| l.line == units.line);
    let shipped: i64 = shipped.map(|l| l.quantity).sum();
    let waiting = delivery.released.iter().filter(|r| r.line == units.line);
    let waiting: i64 = waiting.map(|r| r.quantity).sum();
    units.quantity = units.quantity.min(in_all - shipped - waiting);
    (units.quantity > 0).then_some(units)
}

/// Answers a request to cancel. If no shipment has left the warehouse, delivery agrees and keeps its row as the
/// tombstone; otherwise it refuses. In both cases shipments that have not left are cancelled.
fn answer_cancellation(
    delivery: &mut Delivery,
    shipments: &[Shipment],
    change: &mut Change<DeliveryEffect>,
    context: &mut Context<'_>,
) {
    for shipment in shipments
        .iter()
        .filter(|s| s.status == ShipmentStatus::Processing)
    {
        let call_off = shipment::Update {
            status: Some(ShipmentStatus::Cancelled),
            ..shipment::Update::default()
        };
        if let Ok(Some(called_off)) = shipment::update(shipment, &call_off, context) {
            change.effect.shipments.extend(called_off.effect.shipments);
            change.effect.timers.extend(called_off.effect.timers);
            change.events.extend(called_off.events);
        }
    }
    delivery.released.clear();
    let left = shipments.iter().any(|s| s.status.has_left());
    let kind = if left {
        EventKind::DeliveryCancelRefused
    } else {
        EventKind::DeliveryCancelAgreed
    };
    if !left {
        delivery.state = DeliveryState::Cancelled;
    }
    delivery.version += 1;
    change.events.push(NewEvent {
        id: EventId(context.ids.next()),
        schema_version: SCHEMA_VERSION,
        kind,
        aggregate: delivery.aggregate(),
        seq: delivery.version,
        order_id: Some(delivery.order_id),
        tenant: delivery.tenant.clone(),
        occurred_at: context.now,
        body: encode(&body::DeliveryAnswer {
            order_id: delivery.order_id,
        }),
        meta: context.meta.clone(),
    });
}

/// Makes one shipment per vendor of the released units, unless a hold is open.
fn start_if_free(
    delivery: &mut Delivery,
    shipments: &[Shipment],
    change: &mut Change<DeliveryEffect>,
    carrier: &mut dyn Carrier,
    context: &mut Context<'_>,
) {
    if delivery.state == DeliveryState::Cancelled
        || !delivery.open_holds.is_empty()
        || delivery.released.is_empty()
    {
        return;
    }
    let mut by_vendor: BTreeMap<Vendor, Vec<Released>> = BTreeMap::new();
    for unit in std::mem::take(&mut delivery.released) {
        let units = by_vendor.entry(unit.vendor.clone()).or_default();
        // A line that was released in several events has one entry in the shipment.
        match units.iter_mut().find(|u| u.line == unit.line) {
            Some(packed) => packed.quantity += unit.quantity,
            None => units.push(unit),
        }
    }
    for (vendor, units) in by_vendor {
        let attempts = shipments
            .iter()
            .filter(|s| s.vendor == vendor)
            .map(|s| s.attempt);
        // No error: after 65,535 shipments the next one has the number of the last, which the store refuses as a conflict.
        let attempt = attempts.max().map_or(1, |last| last.saturating_add(1));
        // Units that need no carrier (a download, a voucher) ship at once.
        let due_at = if units.iter().any(|u| u.requires_shipping) {
            carrier.ships_at(context.now)
        } else {
            context.now
        };
        let made = new_shipment(delivery, vendor, attempt, &units, due_at, context);
        change
            .events
            .push(made.event(EventKind::ShipmentCreated, None, context));
        change
            .effect
            .timers
            .extend(made.timer().map(TimerChange::Set));
        change.effect.shipments.push(ShipmentChange {
            expected_version: 0,
            after: made,
        });
    }
    delivery.state = DeliveryState::Started;
}

fn new_shipment(
    delivery: &Delivery,
    vendor: Vendor,
    attempt: u16,
    units: &[Released],
    due_at: Time,
    context: &mut Context<'_>,
) -> Shipment {
    Shipment {
        id: ShipmentId(context.ids.next()),
        order_id: delivery.order_id,
        tenant: delivery.tenant.clone(),
        partition: delivery.partition,
        vendor,
        attempt,
        status: ShipmentStatus::Processing,
        version: 1,
        lines: units
            .iter()
            .map(|u| body::ShipmentLine {
                line: u.line,
                quantity: u.quantity,
            })
            .collect(),
        tracking_number: None,
        carrier: None,
        created_at: context.now,
        updated_at: context.now,
        request: context.meta.request(),
        shipped_at: None,
        delivered_at: None,
        due_at: Some(due_at),
    }
}

/// Parses an order's event; `Ok(None)` for events that do not concern delivery.
///
/// # Errors
/// The body cannot be read; the consumer then parks the event.
pub fn parse(event: &NewEvent) -> Result<Option<OrderNews>, BodyError> {
    let kind = event.kind;
    let concerns = matches!(
        kind,
        EventKind::OrderConfirmed
            | EventKind::OrderLinesReleased
            | EventKind::OrderHoldPlaced
            | EventKind::OrderHoldReleased
            | EventKind::OrderCancelRequested
    );
    if !concerns {
        return Ok(None);
    }
    let step: body::OrderStep = event.read_body()?;
    let hold = || {
        let missing = || serde::de::Error::custom("a hold event without holdId");
        step.hold_id.ok_or_else(|| BodyError::Damaged(missing()))
    };
    Ok(Some(match kind {
        EventKind::OrderHoldPlaced => OrderNews::HoldPlaced(hold()?),
        EventKind::OrderHoldReleased => OrderNews::HoldReleased(hold()?),
        EventKind::OrderCancelRequested => OrderNews::CancelRequested,
        _ => OrderNews::Released {
            open_holds: step.open_holds,
            lines: step
                .lines
                .into_iter()
                .flat_map(|line| released(kind, line))
                .filter(|line| line.units.quantity > 0)
                .collect(),
        },
    }))
}

/// The units of a line that an event releases. `order.confirmed` releases all reserved units; a later event names only
/// the units that it adds, because delivery may have shipped earlier ones without the order knowing yet.
fn released(kind: EventKind, line: body::Line) -> Vec<ReleasedLine> {
    let of = line.quantities;
    let in_all = of.ordered - of.cancelled - of.backordered;
    let sources = if line.sources.is_empty() {
        vec![body::Source {
            vendor: line.vendor.unwrap_or_else(Vendor::local),
            quantity: if kind == EventKind::OrderConfirmed {
                of.reserved
            } else {
                line.released
            },
        }]
    } else {
        line.sources
    };
    let unit = |source: body::Source| ReleasedLine {
        units: Released {
            line: line.id,
            vendor: source.vendor,
            quantity: source.quantity,
            requires_shipping: line.requires_shipping,
        },
        in_all,
    };
    sources.into_iter().map(unit).collect()
}

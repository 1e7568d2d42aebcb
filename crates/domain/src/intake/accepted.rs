//! Makes the order that is accepted, with its reservations, its calls to vendors and its first events.

use super::{AcceptedOrder, NewLine, NewOrder, StockView};
use crate::allocation::Opening;
use crate::event::{Aggregate, AggregateKind, EventKind, NewEvent, SCHEMA_VERSION, body, encode};
use crate::ids::readable_number;
use crate::order::{Line, Order, Source};
use crate::quantities::Quantities;
use crate::reservation::{ReservationMove, ReservedUnits, Units};
use crate::sourcing::{Part, Plan};
use crate::sourcing_task::SourcingTask;
use crate::status::{Flags, OrderStatus};
use crate::stock::StockLevel;
use crate::text::Vendor;
use std::sync::Arc;

/// An order that our own stock and the inventory service have everything for.
pub(super) fn confirmed_order(
    new: &NewOrder,
    number: i64,
    partition: u16,
    stock: &mut StockView,
) -> AcceptedOrder {
    let mut reserved = vec![];
    let mut lines = Vec::with_capacity(new.lines.len());
    for (line, id) in new.lines.iter().zip(1_u16..) {
        lines.push(match stock.local.get_mut(&line.sku) {
            Some(level) => ours(line, id, level, &mut reserved),
            None => agreed_by_inventory(line, id),
        });
    }
    let order = Order {
        version: 2,
        status: OrderStatus::Confirmed,
        ..order(new, partition, lines)
    };
    let events = vec![created(new, number, &order), confirmed(new, &order)];
    AcceptedOrder {
        order,
        number,
        events,
        reserved,
        work: vec![],
    }
}

/// An order that vendors are asked for, or that waits for units that nobody has.
pub(super) fn pending_order(
    new: &NewOrder,
    number: i64,
    partition: u16,
    stock: &mut StockView,
    plan: &Plan,
) -> AcceptedOrder {
    let opening = Opening {
        order: new.id,
        expires_at: new.sourced_by,
        reason: plan.reason.as_str().into(),
        cause: new.meta.request(),
    };
    let (mut reserved, mut work) = (vec![], vec![]);
    let mut lines = Vec::with_capacity(new.lines.len());
    for (line, id) in new.lines.iter().zip(1_u16..) {
        let parts: Vec<&Part> = plan.parts.iter().filter(|part| part.line == id).collect();
        if !stock.knows(&line.sku) {
            lines.push(agreed_by_inventory(line, id));
            continue;
        }
        lines.push(match (&*parts, stock.local.get_mut(&line.sku)) {
            ([part], Some(level)) if part.vendor.is_local() && part.units == line.quantity => {
                ours(line, id, level, &mut reserved)
            }
            _ => {
                let opened = parts.iter().filter_map(|part| opening.of(part, 1));
                let mut taken = vec![];
                for (step, call) in opened {
                    work.extend(call.map(|call| call.work(&new.tenant, new.id, new.created_at)));
                    taken.push(step);
                }
                let line = sourced_line(line, id, &taken, stock);
                reserved.extend(taken);
                line
            }
        });
    }
    let order = Order {
        version: 1,
        status: OrderStatus::Pending,
        flags: Flags {
            sourcing: true,
            ..Flags::default()
        },
        ..order(new, partition, lines)
    };
    let events = vec![created(new, number, &order)];
    if work.is_empty() {
        // Otherwise the last answer of a vendor leads to it.
        work.push(SourcingTask::source_new(new.id, new.created_at));
    }
    AcceptedOrder {
        order,
        number,
        events,
        reserved,
        work,
    }
}

/// A line that vendors are asked for; takes what it reserves from `stock`.
fn sourced_line(line: &NewLine, id: u16, steps: &[ReservationMove], stock: &mut StockView) -> Line {
    let mut ours = 0;
    for units in steps.iter().map(ReservationMove::units) {
        if let Some(level) = stock.level(&units.vendor, &units.sku) {
            level.reserved += units.units.get();
        }
        if units.vendor.is_local() {
            ours += units.units.get();
        }
    }
    let mut sources: Vec<Source> = steps.iter().filter_map(Source::opened).collect();
    sources.sort_by(|a, b| a.vendor.cmp(&b.vendor));
    Line {
        id,
        sku: line.sku.clone(),
        vendor: None,
        sources,
        requires_shipping: line.requires_shipping,
        quantities: Quantities {
            ordered: line.quantity,
            reserved: ours,
            backordered: line.quantity - ours,
            ..Quantities::default()
        },
        given_up: 0,
    }
}

/// A line whose units are all in our own stock, which agrees at once.
fn ours(
    line: &NewLine,
    id: u16,
    level: &mut StockLevel,
    reserved: &mut Vec<ReservationMove>,
) -> Line {
    level.reserved += line.quantity;
    reserved.extend(Units::new(line.quantity).map(|units| {
        ReservationMove::Reserve(ReservedUnits {
            line: id,
            sku: line.sku.clone(),
            vendor: Vendor::local(),
            attempt: None,
            units,
        })
    }));
    reserved_line(line, id, Vendor::local())
}

fn agreed_by_inventory(line: &NewLine, id: u16) -> Line {
    reserved_line(line, id, Vendor::stored(Vendor::INVENTORY))
}

fn reserved_line(line: &NewLine, id: u16, vendor: Vendor) -> Line {
    Line {
        id,
        sku: line.sku.clone(),
        vendor: Some(vendor),
        sources: vec![],
        requires_shipping: line.requires_shipping,
        quantities: Quantities::all_reserved(line.quantity),
        given_up: 0,
    }
}

/// The order with these lines, before its first event.
fn order(new: &NewOrder, partition: u16, lines: Vec<Line>) -> Order {
    Order {
        id: new.id,
        tenant: new.tenant.clone(),
        partition,
        version: 0,
        status: OrderStatus::Pending,
        flags: Flags::default(),
        policy: new.policy,
        lines,
        holds: new.holds.clone(),
        shipments: vec![],
        created_at: new.created_at,
        updated_at: new.created_at,
        completed_at: None,
        cancelled_at: None,
        cancel_reason: None,
        promised_by: new.promised_by,
    }
}

fn event(new: &NewOrder, seq: u8, kind: EventKind, body: Arc<str>) -> NewEvent {
    NewEvent {
        id: new.event_ids[usize::from(seq) - 1],
        schema_version: SCHEMA_VERSION,
        kind,
        aggregate: Aggregate {
            kind: AggregateKind::Order,
            id: new.id.0,
        },
        seq: i64::from(seq),
        order_id: Some(new.id),
        tenant: new.tenant.clone(),
        occurred_at: new.created_at,
        body,
        meta: new.meta.clone(),
    }
}

/// `order.created`: the number, then everything of the content.
fn created(new: &NewOrder, number: i64, order: &Order) -> NewEvent {
    let number = match &new.caller_number {
        Some(given) => serde_json::Value::from(&**given).to_string(),
        None => format!("\"{}\"", readable_number(number)),
    };
    let content = new.content.strip_prefix('{').unwrap_or("}");
    let separator = if content == "}" { "" } else { "," };
    let holds = if order.holds.is_empty() {
        ""
    } else {
        "\"onHold\":true,"
    };
    // What an order begins with follows from its content, but for one whose units are being sourced.
    let allocation = if order.status == OrderStatus::Pending {
        format!("\"allocation\":{},", encode(&order.event_lines(false)))
    } else {
        String::new()
    };
    let body = format!(
        "{{\"status\":\"pending\",{holds}{allocation}\"number\":{number}{separator}{content}"
    );
    event(new, 1, EventKind::OrderCreated, body.into())
}

fn confirmed(new: &NewOrder, order: &Order) -> NewEvent {
    let body = body::OrderStep {
        status: OrderStatus::Confirmed,
        previous_status: Some(OrderStatus::Pending),
        reason: None,
        hold_id: None,
        open_holds: order.open_holds(),
        lines: order.event_lines(true),
    };
    event(new, 2, EventKind::OrderConfirmed, encode(&body))
}

//! The order's side: orders, their lines and holds, and the reservations that they use or give back.

use super::super::orders;
use super::super::pipeline::{Answers, Pipeline, Sql, params};
use super::super::rows::small;
use super::super::transaction::Commits;
use super::locked_orders::{LockedOrders, OrderLocks, WantedOrders};
use super::reservations::move_units;
use super::{Counts, OwnedRows};
use crate::encoding::{Note, json, write_copies};
use crate::error::Result;
use std::collections::BTreeMap;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::{Change, HoldChange, OrderEffect};
use waybill_domain::ids::OrderId;
use waybill_domain::order::{Hold, Line, Order};
use waybill_domain::shipment::ShipmentCopy;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Vendor;

impl OwnedRows for OrderEffect {
    type Wanted = WantedOrders;
    type Locks = OrderLocks;
    type Locked = LockedOrders;

    async fn load(commits: &Commits, ids: &[OrderId]) -> Result<Vec<Order>> {
        orders::states(commits, ids).await
    }

    fn wanted(changes: &[&Change<Self>]) -> WantedOrders {
        WantedOrders::of(changes)
    }

    fn lock<'p>(wanted: &'p WantedOrders, pipeline: &mut Pipeline<'p>) -> OrderLocks {
        wanted.lock(pipeline)
    }

    fn read(locks: OrderLocks, answers: &mut Answers) -> Result<LockedOrders> {
        LockedOrders::read(locks, answers)
    }

    fn take(locked: &mut LockedOrders, change: &Change<Self>) -> Result<()> {
        locked.take(change)
    }

    fn write<'p>(
        pipeline: &mut Pipeline<'p>,
        changes: &[&'p Change<Self>],
        locked: &'p LockedOrders,
    ) {
        write_orders(pipeline, changes);
        write_holds(pipeline, changes);
        move_units(pipeline, changes, &locked.reservations, &locked.stock_rows);
    }
}

static ORDERS: Sql = Sql {
    text: "/* changes::orders */ UPDATE orders o SET status = c.status, version = c.version, sourcing = c.sourcing, started = c.started, \
           failed = c.failed, cancelling_from = c.cancelling_from, updated_at = c.updated_at, completed_at = c.completed_at, \
           cancelled_at = c.cancelled_at, shipments = COALESCE(c.shipments, o.shipments) \
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS c (id, status, version, sourcing, started, failed, cancelling_from, \
           updated_at, completed_at, cancelled_at, shipments) WHERE o.id = c.id",
    types: &[
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
        Type::BOOL_ARRAY,
        Type::BOOL_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

static LINES: Sql = Sql {
    text: "/* changes::lines */ UPDATE order_lines l SET vendor = c.vendor, cancelled = c.cancelled, backordered = c.backordered, \
           reserved = c.reserved, in_shipment = c.in_shipment, shipped = c.shipped, delivered = c.delivered, returned = c.returned, lost = c.lost, \
           sourced = l.sourced OR c.vendor IS NULL, given_up = c.given_up \
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS c (order_id, line, vendor, cancelled, backordered, reserved, \
           in_shipment, shipped, delivered, returned, lost, given_up) WHERE l.order_id = c.order_id AND l.line = c.line",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// Writes the last state of each order, of each line that changed, and of the copies of shipments where they changed.
fn write_orders<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change<OrderEffect>]) {
    let mut orders: BTreeMap<Uuid, &Order> = BTreeMap::new();
    let mut lines: BTreeMap<(Uuid, u16), &Line> = BTreeMap::new();
    let mut copies: BTreeMap<Uuid, &[ShipmentCopy]> = BTreeMap::new();
    let mut counts = Counts::default();
    for change in changes.iter().map(|c| &c.effect.order) {
        let after = &change.after;
        if change.shipments_changed {
            copies.insert(after.id.0, &after.shipments);
        }
        orders.insert(after.id.0, after);
        counts.moved(change.status_before, after.status);
        for index in &change.changed_lines {
            let line = &after.lines[*index];
            lines.insert((after.id.0, line.id), line);
        }
    }
    if orders.is_empty() {
        return;
    }
    let o = || orders.values();
    pipeline.add(
        &ORDERS,
        params![
            o().map(|o| o.id.0).collect::<Vec<_>>(),
            o().map(|o| o.status.as_str()).collect::<Vec<_>>(),
            o().map(|o| o.version).collect::<Vec<_>>(),
            o().map(|o| o.flags.sourcing).collect::<Vec<_>>(),
            o().map(|o| o.flags.started).collect::<Vec<_>>(),
            o().map(|o| o.flags.failed).collect::<Vec<_>>(),
            o().map(|o| o.flags.cancelling_from.map(OrderStatus::as_str))
                .collect::<Vec<_>>(),
            o().map(|o| o.updated_at.0).collect::<Vec<_>>(),
            o().map(|o| o.completed_at.map(|t| t.0)).collect::<Vec<_>>(),
            o().map(|o| o.cancelled_at.map(|t| t.0)).collect::<Vec<_>>(),
            orders
                .keys()
                .map(|id| copies.get(id).map(|copies| write_copies(copies)))
                .collect::<Vec<_>>(),
        ],
    );
    if !lines.is_empty() {
        let q = |of: fn(&Line) -> i64| lines.values().map(|l| of(l)).collect::<Vec<_>>();
        let vendors = lines
            .values()
            .map(|l| l.vendor.as_ref().map(Vendor::as_str));
        pipeline.add(
            &LINES,
            params![
                lines.keys().map(|(id, _)| *id).collect::<Vec<_>>(),
                lines
                    .keys()
                    .map(|(_, line)| small(*line))
                    .collect::<Vec<_>>(),
                vendors.collect::<Vec<_>>(),
                q(|l| l.quantities.cancelled),
                q(|l| l.quantities.backordered),
                q(|l| l.quantities.reserved),
                q(|l| l.quantities.in_shipment),
                q(|l| l.quantities.shipped),
                q(|l| l.quantities.delivered),
                q(|l| l.quantities.returned),
                q(|l| l.quantities.lost),
                q(|l| l.given_up),
            ],
        );
    }
    counts.write(pipeline);
}

/// Places and releases holds.
fn write_holds<'p>(pipeline: &mut Pipeline<'p>, changes: &[&'p Change<OrderEffect>]) {
    for change in changes {
        let version = change.effect.order.after.version;
        for hold in &change.effect.holds {
            match hold {
                HoldChange::Place(hold) => place_hold(pipeline, change.order_id, version, hold),
                HoldChange::Release { id, at } => {
                    pipeline.add(&RELEASE_HOLD, params![change.order_id.0, id.0, at.0]);
                }
            }
        }
        if let Some(reason) = &change.effect.cancel_reason {
            let note = Note::of_cancellation(reason);
            add_note(pipeline, change.order_id, version, &note);
        }
    }
}

static PLACE_HOLD: Sql = Sql {
    text: "/* changes::place_hold */ INSERT INTO order_holds (order_id, id, reason, placed_at, placed_by) VALUES ($1, $2, $3, $4, $5)",
    types: &[Type::UUID, Type::UUID, Type::TEXT, Type::INT8, Type::TEXT],
};

static RELEASE_HOLD: Sql = Sql {
    text: "/* changes::release_hold */ UPDATE order_holds SET released_at = $3 WHERE order_id = $1 AND id = $2",
    types: &[Type::UUID, Type::UUID, Type::INT8],
};

static NOTE: Sql = Sql {
    text: "/* changes::note */ INSERT INTO order_personal (order_id, seq, kind, data) \
           SELECT $1, GREATEST($2, COALESCE(MAX(seq), 0) + 1), 'hold_note', $3 FROM order_personal WHERE order_id = $1",
    types: &[Type::UUID, Type::INT8, Type::TEXT],
};

/// Adds a new hold; its note is personal data and is written to `order_personal`.
pub fn place_hold<'p>(pipeline: &mut Pipeline<'p>, order: OrderId, version: i64, hold: &'p Hold) {
    pipeline.add(
        &PLACE_HOLD,
        params![
            order.0,
            hold.id.0,
            hold.reason.as_str(),
            hold.placed_at.0,
            hold.placed_by.as_str()
        ],
    );
    if let Some(note) = &hold.note {
        add_note(pipeline, order, version, &Note::of_hold(hold.id, note));
    }
}

fn add_note(pipeline: &mut Pipeline<'_>, order: OrderId, version: i64, note: &Note) {
    pipeline.add(&NOTE, params![order.0, version, json(note)]);
}

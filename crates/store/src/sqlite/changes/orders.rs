//! The order's side: orders, their lines and holds, and the reservations that they use or give back.

use super::super::errors::IntoStore;
use super::super::orders;
use super::super::tx::{Tx, expect_one};
use super::OwnedRows;
use super::reservations::move_units;
use crate::encoding::{Note, json, write_copies};
use crate::error::Result;
use rusqlite::{Connection, params};
use waybill_domain::change::{Change, HoldChange, OrderChange, OrderEffect};
use waybill_domain::ids::{HoldId, OrderId};
use waybill_domain::order::{Hold, Order};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Vendor;

impl OwnedRows for OrderEffect {
    fn load(connection: &Connection, ids: &[OrderId]) -> Result<Vec<Order>> {
        orders::states(connection, ids)
    }

    fn write(tx: &mut Tx<'_>, changes: &[Change<Self>]) -> Result<()> {
        for change in changes {
            write_effect(tx, change.order_id, &change.effect)?;
        }
        move_units(tx, changes)
    }
}

fn write_effect(tx: &mut Tx<'_>, id: OrderId, effect: &OrderEffect) -> Result<()> {
    write_order(tx, &effect.order)?;
    let version = effect.order.after.version;
    for hold in &effect.holds {
        match hold {
            HoldChange::Place(hold) => place_hold(tx, id, version, hold)?,
            HoldChange::Release { id: hold, at } => release_hold(tx, id, *hold, at.0)?,
        }
    }
    if let Some(reason) = &effect.cancel_reason {
        add_note(tx, id, version, &Note::of_cancellation(reason))?;
    }
    Ok(())
}

fn write_order(tx: &mut Tx<'_>, change: &OrderChange) -> Result<()> {
    let order = &change.after;
    let changed = tx.execute(
        "UPDATE orders SET status = ?3, version = ?4, sourcing = ?5, started = ?6, failed = ?7, cancelling_from = ?8, updated_at = ?9, \
         completed_at = ?10, cancelled_at = ?11, shipments = COALESCE(?12, shipments) WHERE id = ?1 AND version = ?2",
        params![
            order.id.bytes(),
            change.expected_version,
            order.status.as_str(),
            order.version,
            order.flags.sourcing,
            order.flags.started,
            order.flags.failed,
            order.flags.cancelling_from.map(OrderStatus::as_str),
            order.updated_at.0,
            order.completed_at.map(|t| t.0),
            order.cancelled_at.map(|t| t.0),
            change.shipments_changed.then(|| write_copies(&order.shipments)),
        ],
    )?;
    expect_one(changed, "the order")?;
    tx.counters.by_status[change.status_before as usize] -= 1;
    tx.counters.by_status[order.status as usize] += 1;
    for index in &change.changed_lines {
        let line = &order.lines[*index];
        let q = &line.quantities;
        let changed = tx.execute(
            "UPDATE order_lines SET vendor = ?3, cancelled = ?4, backordered = ?5, reserved = ?6, in_shipment = ?7, shipped = ?8, \
             delivered = ?9, returned = ?10, lost = ?11, sourced = sourced OR ?3 IS NULL, given_up = ?12 WHERE order_id = ?1 AND line = ?2",
            params![
                order.id.bytes(),
                line.id,
                line.vendor.as_ref().map(Vendor::as_str),
                q.cancelled,
                q.backordered,
                q.reserved,
                q.in_shipment,
                q.shipped,
                q.delivered,
                q.returned,
                q.lost,
                line.given_up,
            ],
        )?;
        expect_one(changed, "an order line")?;
    }
    Ok(())
}

/// Writes a new hold; its note is personal data and is written to `order_personal`.
pub fn place_hold(tx: &Tx<'_>, order: OrderId, version: i64, hold: &Hold) -> Result<()> {
    tx.execute(
        "INSERT INTO order_holds (order_id, id, reason, placed_at, placed_by) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![order.bytes(), hold.id.bytes(), hold.reason.as_str(), hold.placed_at.0, hold.placed_by],
    )?;
    if let Some(note) = &hold.note {
        add_note(tx, order, version, &Note::of_hold(hold.id, note))?;
    }
    Ok(())
}

fn add_note(tx: &Tx<'_>, order: OrderId, version: i64, note: &Note) -> Result<()> {
    let seq = next_personal(tx, order, version)?;
    tx.execute(
        "INSERT INTO order_personal (order_id, seq, kind, data) VALUES (?1, ?2, 'hold_note', ?3)",
        params![order.bytes(), seq, json(note)],
    )?;
    Ok(())
}

fn next_personal(tx: &Tx<'_>, order: OrderId, version: i64) -> Result<i64> {
    tx.connection
        .prepare_cached(
            "SELECT MAX(?2, COALESCE(MAX(seq), 0) + 1) FROM order_personal WHERE order_id = ?1",
        )
        .store()?
        .query_row(params![order.bytes(), version], |row| row.get(0))
        .store()
}

fn release_hold(tx: &Tx<'_>, order: OrderId, hold: HoldId, at: i64) -> Result<()> {
    let changed = tx.execute(
        "UPDATE order_holds SET released_at = ?3 WHERE order_id = ?1 AND id = ?2 AND released_at IS NULL",
        params![order.bytes(), hold.bytes(), at],
    )?;
    expect_one(changed, "the hold")
}

//! Writes what the domain decided: each row is guarded by the version that the decision was made on.

mod reservations;

pub use reservations::reserve;

use super::errors::IntoStore;
use super::log;
use super::once;
use super::tx::Tx;
use crate::encoding::{Note, json, write_copies};
use crate::error::{Error, Result};
use reservations::StockEffects;
use rusqlite::params;
use waybill_domain::change::{
    Change, DeliveryChange, HoldChange, NewWork, OrderChange, ShipmentChange,
};
use waybill_domain::ids::{HoldId, OrderId};
use waybill_domain::order::Hold;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::timer::TimerChange;

/// Writes changes, all of them or none: orders, shipments, reservations, stock (summed), timers, work, log.
pub fn write(tx: &mut Tx<'_>, changes: &[Change]) -> Result<()> {
    let mut stock = StockEffects::default();
    for change in changes {
        if let Some(claim) = &change.claim
            && !once::claim(tx, &change.tenant, claim, &claim.outcome)?
        {
            return Err(Error::KeyUsed);
        }
        write_order_side(tx, change)?;
        write_delivery_side(tx, change)?;
        reservations::move_units(tx, change, &mut stock)?;
    }
    stock.write(tx)?;
    for change in changes {
        for timer in &change.timers {
            write_timer(tx, timer)?;
        }
        add_work(tx, &change.tenant, &change.work)?;
    }
    // A transaction of one consumer touches one partition; the embedded store has only one.
    let partition = changes.first().map_or(0, |change| change.partition);
    log::append(
        tx,
        partition,
        changes.iter().flat_map(|change| &change.events),
    )
}

/// A guarded write that found its row in another state was overtaken.
pub fn expect_one(changed: usize, what: &'static str) -> Result<()> {
    if changed == 1 {
        Ok(())
    } else {
        Err(Error::Conflict { what })
    }
}

fn write_order_side(tx: &mut Tx<'_>, change: &Change) -> Result<()> {
    if let Some(order) = &change.order {
        write_order(tx, order)?;
    }
    let version = change.order.as_ref().map_or(0, |o| o.after.version);
    for hold in &change.holds {
        match hold {
            HoldChange::Place(hold) => place_hold(tx, change.order_id, version, hold)?,
            HoldChange::Release { id, at } => release_hold(tx, change.order_id, *id, at.0)?,
        }
    }
    if let Some(reason) = &change.cancel_reason {
        add_note(tx, change.order_id, version, &Note::of_cancellation(reason))?;
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
             delivered = ?9, returned = ?10, lost = ?11 WHERE order_id = ?1 AND line = ?2",
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
            ],
        )?;
        expect_one(changed, "an order line")?;
    }
    Ok(())
}

/// Writes a new hold; what a person wrote about it goes where personal data stands.
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

fn write_delivery_side(tx: &Tx<'_>, change: &Change) -> Result<()> {
    if let Some(delivery) = &change.delivery {
        write_delivery(tx, delivery)?;
    }
    for shipment in &change.shipments {
        if shipment.expected_version == 0 {
            insert_shipment(tx, shipment)?;
        } else {
            update_shipment(tx, shipment)?;
        }
    }
    Ok(())
}

fn write_delivery(tx: &Tx<'_>, change: &DeliveryChange) -> Result<()> {
    let delivery = &change.after;
    let list = |empty: bool, text: String| (!empty).then_some(text);
    let open_holds = list(delivery.open_holds.is_empty(), json(&delivery.open_holds));
    let released = list(delivery.released.is_empty(), json(&delivery.released));
    let changed = if change.expected_revision == 0 {
        tx.execute(
            "INSERT INTO deliveries (order_id, tenant, part, state, revision, version, heard, open_holds, released, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            params![
                delivery.order_id.bytes(),
                delivery.tenant.as_str(),
                delivery.partition,
                delivery.state.as_str(),
                delivery.revision,
                delivery.version,
                delivery.last_order_seq,
                open_holds,
                released,
                delivery.updated_at.0,
            ],
        )?
    } else {
        tx.execute(
            "UPDATE deliveries SET state = ?3, revision = ?4, version = ?5, heard = ?6, open_holds = ?7, released = ?8, updated_at = ?9 \
             WHERE order_id = ?1 AND revision = ?2",
            params![
                delivery.order_id.bytes(),
                change.expected_revision,
                delivery.state.as_str(),
                delivery.revision,
                delivery.version,
                delivery.last_order_seq,
                open_holds,
                released,
                delivery.updated_at.0,
            ],
        )?
    };
    expect_one(changed, "the delivery")
}

fn insert_shipment(tx: &Tx<'_>, change: &ShipmentChange) -> Result<()> {
    let s = &change.after;
    let changed = tx.execute(
        "INSERT INTO shipments (id, order_id, tenant, part, vendor, attempt, status, version, lines, tracking_number, carrier, created_at, \
         updated_at, shipped_at, delivered_at, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
         ON CONFLICT DO NOTHING",
        params![
            s.id.bytes(),
            s.order_id.bytes(),
            s.tenant.as_str(),
            s.partition,
            s.vendor.as_str(),
            s.attempt,
            s.status.as_str(),
            s.version,
            json(&s.lines),
            s.tracking_number.as_deref(),
            s.carrier.as_deref(),
            s.created_at.0,
            s.updated_at.0,
            s.shipped_at.map(|t| t.0),
            s.delivered_at.map(|t| t.0),
            s.due_at.map(|t| t.0),
        ],
    )?;
    expect_one(changed, "the shipment")
}

fn update_shipment(tx: &Tx<'_>, change: &ShipmentChange) -> Result<()> {
    let s = &change.after;
    let changed = tx.execute(
        "UPDATE shipments SET status = ?3, version = ?4, tracking_number = ?5, carrier = ?6, updated_at = ?7, shipped_at = ?8, \
         delivered_at = ?9, due_at = ?10 WHERE id = ?1 AND version = ?2",
        params![
            s.id.bytes(),
            change.expected_version,
            s.status.as_str(),
            s.version,
            s.tracking_number.as_deref(),
            s.carrier.as_deref(),
            s.updated_at.0,
            s.shipped_at.map(|t| t.0),
            s.delivered_at.map(|t| t.0),
            s.due_at.map(|t| t.0),
        ],
    )?;
    expect_one(changed, "the shipment")
}

fn write_timer(tx: &Tx<'_>, timer: &TimerChange) -> Result<()> {
    match timer {
        TimerChange::Set(t) => {
            tx.execute(
                "INSERT INTO timers (due_at, shipment_id, order_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![t.due_at.0, t.shipment_id.bytes(), t.order_id.bytes()],
            )?;
        }
        TimerChange::Clear(t) => {
            // The shipment's version guards it; a timer that is gone has fired in that version.
            tx.execute(
                "DELETE FROM timers WHERE due_at = ?1 AND shipment_id = ?2",
                params![t.due_at.0, t.shipment_id.bytes()],
            )?;
        }
    }
    Ok(())
}

/// Adds pieces of work; one that is there already is the same one again.
pub fn add_work(tx: &Tx<'_>, tenant: &Tenant, work: &[NewWork]) -> Result<()> {
    for piece in work {
        tx.execute(
            "INSERT INTO work (id, target, tenant, order_id, due_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            params![piece.id.as_bytes(), piece.target, tenant.as_str(), piece.order_id.as_ref().map(OrderId::bytes), piece.due_at.0, piece.body],
        )?;
    }
    Ok(())
}

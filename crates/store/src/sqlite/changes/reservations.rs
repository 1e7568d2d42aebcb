//! Writes reservations and their stock rows.

use super::super::errors::IntoStore;
use super::super::rows::Columns;
use super::super::tx::{Tx, expect_one};
use crate::error::{Error, Result};
use rusqlite::params;
use std::collections::BTreeMap;
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::ids::OrderId;
use waybill_domain::reservation::{Reservation, ReservationMove, ReservationState, StockEffect};
use waybill_domain::text::{Sku, Tenant, Vendor};

/// Moves the reserved units of changes; the stock rows behind them are written once each, with the sum.
pub fn move_units(tx: &Tx<'_>, changes: &[Change<OrderEffect>]) -> Result<()> {
    let mut stock: BTreeMap<(&Tenant, &Sku, &Vendor), StockEffect> = BTreeMap::new();
    for change in changes {
        for moved in &change.effect.reservations {
            let units = moved.units();
            if moved.makes().is_some() {
                reserve(tx, &change.tenant, change.order_id, moved)?;
            } else {
                settle(tx, change.order_id, moved)?;
            }
            let row = (&change.tenant, &units.sku, &units.vendor);
            *stock.entry(row).or_default() += moved.effect();
        }
    }
    for ((tenant, sku, vendor), effect) in &stock {
        let changed = tx.execute(
            "UPDATE stock SET on_hand = on_hand + ?4, reserved = reserved + ?5 WHERE tenant = ?1 AND sku = ?2 AND vendor = ?3",
            params![tenant.as_str(), sku.as_str(), vendor.as_str(), effect.on_hand, effect.reserved],
        )?;
        if changed != 1 {
            return Err(Error::no_stock_row(tenant, sku, vendor));
        }
    }
    Ok(())
}

/// Writes the reservation that a move makes.
pub fn reserve(
    tx: &Tx<'_>,
    tenant: &Tenant,
    order: OrderId,
    moved: &ReservationMove,
) -> Result<()> {
    let Some((units, made)) = moved.makes() else {
        return Ok(());
    };
    tx.execute(
        "INSERT INTO reservations (order_id, line, vendor, sku, tenant, state, quantity) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            order.bytes(),
            units.line,
            units.vendor.as_str(),
            units.sku.as_str(),
            tenant.as_str(),
            made.state.as_str(),
            made.quantity,
        ],
    )?;
    Ok(())
}

/// Writes the open reservation of a line as a move leaves it.
fn settle(tx: &Tx<'_>, order: OrderId, moved: &ReservationMove) -> Result<()> {
    let units = moved.units();
    let found = open(tx, order, moved)?;
    let before = found.as_ref().map(|(_, reservation)| *reservation);
    let after = moved.after(before).map_err(Error::of_move)?;
    // `ReservationMove::after` has refused a move without an open reservation, so there is one.
    let Some((attempt, before)) = found else {
        return Err(Error::Conflict {
            what: "the reservation",
        });
    };
    let changed = tx.execute(
        "UPDATE reservations SET consumed = ?5, released = ?6, state = ?7 \
         WHERE order_id = ?1 AND line = ?2 AND vendor = ?3 AND attempt = ?4 AND consumed = ?8 AND released = ?9",
        params![
            order.bytes(),
            units.line,
            units.vendor.as_str(),
            attempt,
            after.consumed,
            after.released,
            after.state.as_str(),
            before.consumed,
            before.released,
        ],
    )?;
    expect_one(changed, "the reservation")
}

/// The open reservation of a line at a vendor, with its attempt.
fn open(
    tx: &Tx<'_>,
    order: OrderId,
    moved: &ReservationMove,
) -> Result<Option<(i64, Reservation)>> {
    let units = moved.units();
    let mut select = tx
        .connection
        .prepare_cached(
            "SELECT attempt, state, quantity, consumed, released FROM reservations \
             WHERE order_id = ?1 AND line = ?2 AND vendor = ?3 AND consumed + released < quantity ORDER BY attempt LIMIT 1",
        )
        .store()?;
    let mut rows = select
        .query(params![order.bytes(), units.line, units.vendor.as_str()])
        .store()?;
    let Some(row) = rows.next().store()? else {
        return Ok(None);
    };
    let mut c = Columns::of(row);
    let attempt = c.get()?;
    let reservation = Reservation {
        state: c.text("reservation state", ReservationState::parse)?,
        quantity: c.get()?,
        consumed: c.get()?,
        released: c.get()?,
    };
    Ok(Some((attempt, reservation)))
}

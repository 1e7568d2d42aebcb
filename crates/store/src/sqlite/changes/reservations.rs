//! Writes reservations and their stock rows.

use super::super::errors::IntoStore;
use super::super::rows::Columns;
use super::super::stock::level;
use super::super::tx::{Tx, expect_one};
use crate::error::{Error, Result};
use rusqlite::params;
use std::collections::BTreeMap;
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::ids::OrderId;
use waybill_domain::reservation::{Reservation, ReservationMove, ReservationState, StockEffect};
use waybill_domain::text::{Sku, Tenant, Vendor};

/// The attempt of a reservation whose attempt is not named.
const FIRST_ATTEMPT: u16 = 1;

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
            #[cfg(feature = "planted-defects")]
            if super::super::defects::takes_twice(moved) {
                stock.entry(row).or_default().on_hand -= units.units.get();
            }
        }
    }
    for ((tenant, sku, vendor), effect) in &stock {
        // Units that are newly reserved must be there: the decision was made on what was available a moment ago.
        let changed = tx.execute(
            "UPDATE stock SET on_hand = on_hand + ?4, reserved = reserved + ?5 WHERE tenant = ?1 AND sku = ?2 AND vendor = ?3 \
             AND (?5 <= 0 OR on_hand - shortfall - reserved - safety >= ?5)",
            params![tenant.as_str(), sku.as_str(), vendor.as_str(), effect.on_hand, effect.reserved],
        )?;
        if changed != 1 {
            return Err(
                match level(tx.connection, tenant, sku.as_str(), vendor.as_str())? {
                    Some(_) => Error::stock_is_gone(),
                    None => Error::no_stock_row(tenant, sku, vendor),
                },
            );
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
    let written = tx.execute(
        "INSERT INTO reservations (order_id, line, vendor, sku, tenant, state, quantity, attempt, expires_at, reason) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (order_id, line, vendor, attempt) DO NOTHING",
        params![
            order.bytes(),
            units.line,
            units.vendor.as_str(),
            units.sku.as_str(),
            tenant.as_str(),
            made.state.as_str(),
            made.quantity,
            units.attempt.unwrap_or(FIRST_ATTEMPT),
            made.expires_at.map(|at| at.0),
            moved.reason(),
        ],
    )?;
    expect_one(written, "the reservation")
}

/// Writes the reservation that a move names as the move leaves it.
fn settle(tx: &Tx<'_>, order: OrderId, moved: &ReservationMove) -> Result<()> {
    let units = moved.units();
    let found = named(tx, order, moved)?;
    let before = found.as_ref().map(|(_, reservation)| *reservation);
    let after = moved.after(before).map_err(Error::of_move)?;
    // `ReservationMove::after` has refused a move without a reservation, so there is one.
    let Some((attempt, before)) = found else {
        return Err(Error::Conflict {
            what: "the reservation",
        });
    };
    let changed = tx.execute(
        "UPDATE reservations SET consumed = ?5, released = ?6, state = ?7, ending = ?10, agreed_at = ?11, uncertain = ?12 \
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
            after.ending,
            after.agreed_at.map(|at| at.0),
            after.uncertain,
        ],
    )?;
    expect_one(changed, "the reservation")
}

/// The columns of a reservation, as [`read`] expects them.
pub const COLUMNS: &str =
    "state, quantity, consumed, released, expires_at, ending, agreed_at, uncertain";

/// Reads a reservation.
pub fn read(c: &mut Columns<'_, '_>) -> Result<Reservation> {
    Ok(Reservation {
        state: c.text("reservation state", ReservationState::parse)?,
        quantity: c.get()?,
        consumed: c.get()?,
        released: c.get()?,
        expires_at: c.optional_time()?,
        ending: c.get()?,
        agreed_at: c.optional_time()?,
        uncertain: c.get()?,
    })
}

/// The reservation that a move names, with its attempt: that attempt, or the line's first open one at the vendor.
fn named(
    tx: &Tx<'_>,
    order: OrderId,
    moved: &ReservationMove,
) -> Result<Option<(u16, Reservation)>> {
    let units = moved.units();
    let mut select = tx
        .connection
        .prepare_cached(&format!(
            "SELECT attempt, {COLUMNS} FROM reservations WHERE order_id = ?1 AND line = ?2 AND vendor = ?3 \
             AND CASE WHEN ?4 IS NULL THEN consumed + released < quantity ELSE attempt = ?4 END ORDER BY attempt LIMIT 1"
        ))
        .store()?;
    let mut rows = select
        .query(params![
            order.bytes(),
            units.line,
            units.vendor.as_str(),
            units.attempt
        ])
        .store()?;
    let Some(row) = rows.next().store()? else {
        return Ok(None);
    };
    let mut c = Columns::of(row);
    Ok(Some((c.get()?, read(&mut c)?)))
}

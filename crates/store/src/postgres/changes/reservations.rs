//! Writes reservations and their stock rows.

use super::super::pipeline::{Pipeline, Sql, params};
use super::super::rows::{Columns, small};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::ids::OrderId;
use waybill_domain::reservation::{
    Reservation, ReservationMove, ReservationState, ReservedUnits, StockEffect,
};
use waybill_domain::text::Tenant;

static INSERT: Sql = Sql {
    text: "/* changes::reserve */ INSERT INTO reservations (order_id, line, vendor, sku, tenant, state, quantity) \
           SELECT r.order_id, r.line, r.vendor, r.sku, r.tenant, r.state, r.quantity \
           FROM unnest($1, $2, $3, $4, $5, $6, $7) AS r (order_id, line, vendor, sku, tenant, state, quantity)",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
    ],
};

static UPDATE: Sql = Sql {
    text: "/* changes::reservations */ UPDATE reservations r SET consumed = c.consumed, released = c.released, state = c.state \
           FROM unnest($1, $2, $3, $4, $5, $6, $7) AS c (order_id, line, vendor, attempt, consumed, released, state) \
           WHERE r.order_id = c.order_id AND r.line = c.line AND r.vendor = c.vendor AND r.attempt = c.attempt",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

static STOCK: Sql = Sql {
    text: "/* changes::stock */ UPDATE stock s SET on_hand = s.on_hand + c.on_hand, reserved = s.reserved + c.reserved, \
           writes = s.writes + 1 FROM unnest($1::tid[], $2, $3) AS c (place, on_hand, reserved) WHERE s.ctid = c.place",
    types: &[Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY],
};

/// The attempt that the table's default gives a new row.
const FIRST_ATTEMPT: i32 = 1;

/// A line of an order at a vendor.
type Key = (Uuid, u16, String);

fn key(order: OrderId, units: &ReservedUnits) -> Key {
    (order.0, units.line, units.vendor.to_string())
}

/// Locked reservations that had open units when they were read; updated in memory with each change that is taken in.
#[derive(Default)]
pub struct Reservations(HashMap<Key, Open>);

#[derive(Clone, Copy)]
struct Open {
    attempt: i32,
    now: Reservation,
    /// Whether a change has moved its units, so that it is written.
    moved: bool,
}

impl Reservations {
    /// Reads the locked rows.
    pub fn read(rows: &[Row]) -> Result<Self> {
        let mut open = HashMap::with_capacity(rows.len());
        for row in rows {
            let mut c = Columns::of(row);
            let key = (c.uuid()?, c.small("line")?, c.get()?);
            let attempt = c.get()?;
            let now = Reservation {
                state: c.text("reservation state", ReservationState::parse)?,
                quantity: c.get()?,
                consumed: c.get()?,
                released: c.get()?,
            };
            // Attempts come in their order; the first that is open is the one that moves.
            open.entry(key).or_insert(Open {
                attempt,
                now,
                moved: false,
            });
        }
        Ok(Self(open))
    }

    /// The reservations after the moves of a change. Nothing is taken in yet, so that a change that fails leaves no
    /// trace.
    pub fn after(&self, change: &Change<OrderEffect>) -> Result<Moved> {
        let mut moved: HashMap<Key, Open> = HashMap::new();
        for step in &change.effect.reservations {
            let key = key(change.order_id, step.units());
            let open = moved.get(&key).or_else(|| self.0.get(&key)).copied();
            let before = open.map(|open| open.now);
            let now = step.after(before).map_err(Error::of_move)?;
            // Without an open reservation, the move makes one: its row is inserted, and updated only if a later move
            // changes it again.
            let open = Open {
                attempt: open.map_or(FIRST_ATTEMPT, |open| open.attempt),
                now,
                moved: open.is_some(),
            };
            moved.insert(key, open);
        }
        Ok(Moved(moved))
    }

    /// Takes in the result of [`Reservations::after`].
    pub fn take(&mut self, moved: Moved) {
        self.0.extend(moved.0);
    }

    fn moved(&self) -> Vec<(&Key, &Open)> {
        let moved = self.0.iter().filter(|(_, open)| open.moved);
        let sorted: BTreeMap<&Key, &Open> = moved.collect();
        sorted.into_iter().collect()
    }
}

/// Reservations as the moves of one change leave them.
pub struct Moved(HashMap<Key, Open>);

/// Where locked stock rows stand, by tenant, sku and vendor.
#[derive(Default)]
pub struct StockRows(HashMap<(String, String, String), String>);

impl StockRows {
    /// Reads the locked rows.
    pub fn read(rows: &[Row]) -> Result<Self> {
        let places = rows.iter().map(|row| {
            let mut c = Columns::of(row);
            let key = (c.get()?, c.get()?, c.get()?);
            Ok((key, Columns::from(row, 7).get()?))
        });
        places.collect::<Result<_>>().map(Self)
    }

    /// Where a row stands; nowhere if it is not there.
    fn place(&self, (tenant, sku, vendor): &(&str, &str, &str)) -> Option<String> {
        let key = ((*tenant).into(), (*sku).into(), (*vendor).into());
        self.0.get(&key).cloned()
    }

    /// Fails where the stock row behind a reservation is not there.
    pub fn check(&self, change: &Change<OrderEffect>) -> Result<()> {
        let rows = change
            .effect
            .reservations
            .iter()
            .map(ReservationMove::units);
        let tenant = &change.tenant;
        for units in rows {
            let (sku, vendor) = (&units.sku, &units.vendor);
            let key = (tenant.as_str(), sku.as_str(), vendor.as_str());
            if self.place(&key).is_none() {
                return Err(Error::no_stock_row(tenant, sku, vendor));
            }
        }
        Ok(())
    }
}

/// Inserts the reservations that moves make.
pub fn reserve<'p>(
    pipeline: &mut Pipeline<'p>,
    moves: impl Iterator<Item = (&'p Tenant, OrderId, &'p ReservationMove)>,
) {
    let made: Vec<_> = moves
        .filter_map(|(tenant, order, step)| {
            let (units, made) = step.makes()?;
            Some((tenant, order, units, made))
        })
        .collect();
    if made.is_empty() {
        return;
    }
    let each = || made.iter();
    pipeline.add(
        &INSERT,
        params![
            each().map(|m| m.1.0).collect::<Vec<_>>(),
            each().map(|m| small(m.2.line)).collect::<Vec<_>>(),
            each().map(|m| m.2.vendor.as_str()).collect::<Vec<_>>(),
            each().map(|m| m.2.sku.as_str()).collect::<Vec<_>>(),
            each().map(|m| m.0.as_str()).collect::<Vec<_>>(),
            each().map(|m| m.3.state.as_str()).collect::<Vec<_>>(),
            each().map(|m| m.3.quantity).collect::<Vec<_>>(),
        ],
    );
}

/// Writes moved reservations, and the stock rows behind them, each row once.
pub fn move_units<'p>(
    pipeline: &mut Pipeline<'p>,
    changes: &[&'p Change<OrderEffect>],
    reservations: &'p Reservations,
    stock_rows: &StockRows,
) {
    let moves = || {
        let each = changes.iter();
        each.flat_map(|c| {
            c.effect
                .reservations
                .iter()
                .map(|m| (&c.tenant, c.order_id, m))
        })
    };
    if moves().next().is_none() {
        return;
    }
    reserve(pipeline, moves());
    let moved = reservations.moved();
    let each = || moved.iter();
    pipeline.add(
        &UPDATE,
        params![
            each().map(|(key, _)| key.0).collect::<Vec<_>>(),
            each().map(|(key, _)| small(key.1)).collect::<Vec<_>>(),
            each().map(|(key, _)| key.2.as_str()).collect::<Vec<_>>(),
            each().map(|(_, open)| open.attempt).collect::<Vec<_>>(),
            each()
                .map(|(_, open)| open.now.consumed)
                .collect::<Vec<_>>(),
            each()
                .map(|(_, open)| open.now.released)
                .collect::<Vec<_>>(),
            each()
                .map(|(_, open)| open.now.state.as_str())
                .collect::<Vec<_>>(),
        ],
    );
    let mut stock: BTreeMap<(&str, &str, &str), StockEffect> = BTreeMap::new();
    for (tenant, _, step) in moves() {
        let units = step.units();
        let row = (tenant.as_str(), units.sku.as_str(), units.vendor.as_str());
        *stock.entry(row).or_default() += step.effect();
    }
    pipeline.add(
        &STOCK,
        params![
            stock
                .keys()
                .map(|k| stock_rows.place(k))
                .collect::<Vec<_>>(),
            stock.values().map(|e| e.on_hand).collect::<Vec<_>>(),
            stock.values().map(|e| e.reserved).collect::<Vec<_>>(),
        ],
    );
}

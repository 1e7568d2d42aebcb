//! Writes reservations and their stock rows.

use super::super::lock::{self, StockKey};
use super::super::pipeline::{Pipeline, Sql, params};
use super::super::rows::{Columns, small};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use tokio_postgres::types::Type;
use uuid::Uuid;
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::ids::OrderId;
use waybill_domain::reservation::{
    Reservation, ReservationMove, ReservationState, ReservedUnits, StockEffect,
};
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};

static INSERT: Sql = Sql {
    text: "/* changes::reserve */ INSERT INTO reservations (order_id, line, vendor, sku, tenant, state, quantity, attempt, expires_at, reason) \
           SELECT r.order_id, r.line, r.vendor, r.sku, r.tenant, r.state, r.quantity, r.attempt, r.expires_at, r.reason \
           FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
           AS r (order_id, line, vendor, sku, tenant, state, quantity, attempt, expires_at, reason)",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

static UPDATE: Sql = Sql {
    text: "/* changes::reservations */ UPDATE reservations r SET consumed = c.consumed, released = c.released, state = c.state, \
           ending = c.ending, agreed_at = c.agreed_at, uncertain = c.uncertain FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
           AS c (order_id, line, vendor, attempt, consumed, released, state, ending, agreed_at, uncertain) \
           WHERE r.order_id = c.order_id AND r.line = c.line AND r.vendor = c.vendor AND r.attempt = c.attempt",
    types: &[
        Type::UUID_ARRAY,
        Type::INT2_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::BOOL_ARRAY,
        Type::INT8_ARRAY,
        Type::BOOL_ARRAY,
    ],
};

static STOCK: Sql = Sql {
    text: "/* changes::stock */ UPDATE stock s SET on_hand = s.on_hand + c.on_hand, reserved = s.reserved + c.reserved, \
           writes = s.writes + 1 FROM unnest($1::tid[], $2, $3) AS c (place, on_hand, reserved) WHERE s.ctid = c.place",
    types: &[Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::INT8_ARRAY],
};

/// The same for rows that the statement before it has locked, and whose places are not known. Rows of stock that was ever
/// counted are never deleted, so the rows that were there when they were read are there now.
static STOCK_BY_KEY: Sql = Sql {
    text: "/* changes::stock_by_key */ UPDATE stock s SET on_hand = s.on_hand + c.on_hand, reserved = s.reserved + c.reserved, \
           writes = s.writes + 1 FROM unnest($1, $2, $3, $4, $5) AS c (tenant, sku, vendor, on_hand, reserved), \
           LATERAL (SELECT ctid AS place FROM stock WHERE stock.tenant = c.tenant AND stock.sku = c.sku AND stock.vendor = c.vendor \
           ORDER BY stock.run DESC LIMIT 1) AS n WHERE s.ctid = n.place",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::INT8_ARRAY,
    ],
};

/// The attempt of a reservation whose attempt is not named.
const FIRST_ATTEMPT: i32 = 1;

/// A reservation: a line of an order at a vendor, and its attempt there.
type Key = (Uuid, u16, String, i32);

/// Locked reservations; updated in memory with each change that is taken in.
#[derive(Default)]
pub struct Reservations(BTreeMap<Key, Row>);

#[derive(Clone, Copy)]
struct Row {
    now: Reservation,
    /// Whether a change has moved its units, so that it is written.
    moved: bool,
}

/// The columns of a reservation from its state on.
pub fn reservation(c: &mut Columns<'_>) -> Result<Reservation> {
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

/// The reservation that a move names: that attempt, or the line's first open one at the vendor.
fn named<'r>(
    rows: &'r BTreeMap<Key, Row>,
    order: OrderId,
    units: &ReservedUnits,
) -> Option<(&'r Key, &'r Row)> {
    let at = |attempt: i32| (order.0, units.line, units.vendor.to_string(), attempt);
    match units.attempt {
        Some(attempt) => rows.get_key_value(&at(attempt.into())),
        None => rows
            .range(at(i32::MIN)..=at(i32::MAX))
            .find(|(_, row)| row.now.open() > 0),
    }
}

impl Reservations {
    /// Reads the locked rows.
    pub fn read(rows: &[tokio_postgres::Row]) -> Result<Self> {
        let each = rows.iter().map(|row| {
            let mut c = Columns::of(row);
            let key = (c.uuid()?, c.small("line")?, c.get()?, c.get()?);
            let now = reservation(&mut c)?;
            Ok((key, Row { now, moved: false }))
        });
        each.collect::<Result<_>>().map(Self)
    }

    /// The reservations after the moves of a change. Nothing is taken in yet, so that a change that fails leaves no
    /// trace.
    pub fn after(&self, change: &Change<OrderEffect>) -> Result<Moved> {
        let mut moved: BTreeMap<Key, Row> = BTreeMap::new();
        for step in &change.effect.reservations {
            let units = step.units();
            let found = named(&moved, change.order_id, units)
                .or_else(|| named(&self.0, change.order_id, units));
            let now = step
                .after(found.map(|(_, row)| row.now))
                .map_err(Error::of_move)?;
            // A move that makes a reservation: its row is inserted, and updated only if a later move changes it again.
            let is_new = step.makes().is_some();
            let key = match found {
                Some((key, _)) if !is_new => key.clone(),
                _ => {
                    let attempt = units.attempt.map_or(FIRST_ATTEMPT, i32::from);
                    let vendor = units.vendor.to_string();
                    (change.order_id.0, units.line, vendor, attempt)
                }
            };
            moved.insert(
                key,
                Row {
                    now,
                    moved: !is_new,
                },
            );
        }
        Ok(Moved(moved))
    }

    /// Takes in the result of [`Reservations::after`].
    pub fn take(&mut self, moved: Moved) {
        self.0.extend(moved.0);
    }

    fn moved(&self) -> Vec<(&Key, &Row)> {
        self.0.iter().filter(|(_, row)| row.moved).collect()
    }
}

/// Reservations as the moves of one change leave them.
pub struct Moved(BTreeMap<Key, Row>);

/// Stock rows by tenant, sku and vendor; updated in memory with each change that is taken in.
#[derive(Default)]
pub struct StockRows {
    rows: HashMap<(String, String, String), StockRow>,
    /// Whether they are locked. If not, nothing is newly reserved, and what they hold may be out of date.
    are_locked: bool,
}

/// A stock row and where it stands.
struct StockRow {
    level: StockLevel,
    place: String,
}

impl StockRows {
    /// Reads the rows.
    pub fn read(rows: &[tokio_postgres::Row], are_locked: bool) -> Result<Self> {
        let each = rows.iter().map(|row| {
            let mut c = Columns::of(row);
            let key = (c.get()?, c.get()?, c.get()?);
            let level = StockLevel {
                on_hand: c.get()?,
                reserved: c.get()?,
                safety: c.get()?,
                shortfall: c.get()?,
                version: c.get()?,
            };
            let place = c.get()?;
            Ok((key, StockRow { level, place }))
        });
        Ok(Self {
            rows: each.collect::<Result<_>>()?,
            are_locked,
        })
    }

    /// Where a row stands; nowhere if it is not there.
    fn place(&self, key: &StockKey) -> Option<String> {
        let key = (key.tenant.clone(), key.sku.clone(), key.vendor.clone());
        self.rows.get(&key).map(|row| row.place.clone())
    }

    /// Takes in what a change does to the rows, all of it or nothing. Fails where a row is not there, or has not the units
    /// any more that the change reserves.
    pub fn take(&mut self, change: &Change<OrderEffect>) -> Result<()> {
        let tenant = &change.tenant;
        let mut sums: BTreeMap<(&Sku, &Vendor), StockEffect> = BTreeMap::new();
        for step in &change.effect.reservations {
            let units = step.units();
            *sums.entry((&units.sku, &units.vendor)).or_default() += step.effect();
        }
        let key =
            |sku: &Sku, vendor: &Vendor| (tenant.to_string(), sku.to_string(), vendor.to_string());
        for ((sku, vendor), effect) in &sums {
            let row = self.rows.get(&key(sku, vendor));
            let row = row.ok_or_else(|| Error::no_stock_row(tenant, sku, vendor))?;
            // Units that are newly reserved must be there: the decision was made on what was available a moment ago.
            if effect.reserved > 0 && effect.reserved > row.level.available() {
                return Err(Error::stock_is_gone());
            }
        }
        for ((sku, vendor), effect) in &sums {
            if let Some(row) = self.rows.get_mut(&key(sku, vendor)) {
                row.level.on_hand += effect.on_hand;
                row.level.reserved += effect.reserved;
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
            Some((tenant, order, units, made, step.reason()))
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
            each()
                .map(|m| m.2.attempt.map_or(FIRST_ATTEMPT, i32::from))
                .collect::<Vec<_>>(),
            each()
                .map(|m| m.3.expires_at.map(|at| at.0))
                .collect::<Vec<_>>(),
            each().map(|m| m.4).collect::<Vec<_>>(),
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
            each().map(|(key, _)| key.3).collect::<Vec<_>>(),
            each().map(|(_, row)| row.now.consumed).collect::<Vec<_>>(),
            each().map(|(_, row)| row.now.released).collect::<Vec<_>>(),
            each()
                .map(|(_, row)| row.now.state.as_str())
                .collect::<Vec<_>>(),
            each().map(|(_, row)| row.now.ending).collect::<Vec<_>>(),
            each()
                .map(|(_, row)| row.now.agreed_at.map(|at| at.0))
                .collect::<Vec<_>>(),
            each().map(|(_, row)| row.now.uncertain).collect::<Vec<_>>(),
        ],
    );
    write_stock(pipeline, moves(), stock_rows);
}

/// Writes the stock rows behind moves, each once.
fn write_stock<'p>(
    pipeline: &mut Pipeline<'p>,
    moves: impl Iterator<Item = (&'p Tenant, OrderId, &'p ReservationMove)>,
    stock_rows: &StockRows,
) {
    let mut stock: BTreeMap<StockKey, StockEffect> = BTreeMap::new();
    for (tenant, _, step) in moves {
        let units = step.units();
        let key = StockKey::new(tenant.as_str(), units.sku.as_str(), units.vendor.as_str());
        let sum = stock.entry(key).or_default();
        *sum += step.effect();
        #[cfg(feature = "planted-defects")]
        if super::super::defects::takes_twice(step) {
            sum.on_hand -= units.units.get();
        }
    }
    let on_hand: Vec<i64> = stock.values().map(|e| e.on_hand).collect();
    let reserved: Vec<i64> = stock.values().map(|e| e.reserved).collect();
    if stock_rows.are_locked {
        let places: Vec<_> = stock.keys().map(|key| stock_rows.place(key)).collect();
        pipeline.add(&STOCK, params![places, on_hand, reserved]);
        return;
    }
    let text = |of: fn(&StockKey) -> &str| -> Vec<String> {
        stock.keys().map(|key| of(key).to_owned()).collect()
    };
    let (tenants, skus, vendors) = (text(|k| &k.tenant), text(|k| &k.sku), text(|k| &k.vendor));
    pipeline.add(
        &lock::STOCK,
        params![tenants.clone(), skus.clone(), vendors.clone()],
    );
    pipeline.add(
        &STOCK_BY_KEY,
        params![tenants, skus, vendors, on_hand, reserved],
    );
}

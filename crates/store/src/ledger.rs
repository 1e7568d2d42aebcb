//! What a stock row must add up to, read by both drivers with the same statement.

use crate::error::Result;
use waybill_domain::reservation::ReservationState;
use waybill_domain::stock::{Books, Ledger, StockLevel};

/// The ledger of one row and the row itself, if there is one, on the snapshot of one statement. Parameters: tenant, sku,
/// vendor, and the two states of [`HOLDING`]. It reads all reservations and order lines, as no index leads to a sku:
/// some seconds in a store of millions of orders.
///
/// Units that left with archived orders are taken off the movements.
///
/// A vendor's units leave its row when it agrees, ours when they ship. Of a line that vendors were asked for, only its
/// reservations know what comes from where.
///
/// SQLite numbers `$1` to `$5` by where they first stand, so they first stand in their order.
macro_rules! books_sql {
    ($name:literal) => {
        concat!(
            "/* ",
            $name,
            " */ SELECT m.movements, m.moved, r.consumed, r.held, l.promised + z.promised, l.shipped + z.shipped, s.on_hand, s.reserved, s.safety, s.shortfall, s.version \
             FROM (SELECT COUNT(*) AS movements, CAST(COALESCE(SUM(delta), 0) - COALESCE((SELECT a.units FROM archived_stock a WHERE a.tenant = $1 AND a.sku = $2 \
             AND a.vendor = $3), 0) AS bigint) AS moved FROM stock_movements WHERE tenant = $1 AND sku = $2 AND vendor = $3) AS m \
             CROSS JOIN (SELECT CAST(COALESCE(SUM(CASE WHEN $3 = 'local' THEN consumed WHEN agreed_at IS NOT NULL THEN quantity ELSE 0 END), 0) \
             AS bigint) AS consumed, \
             CAST(COALESCE(SUM(CASE WHEN state = $4 OR state = $5 AND $3 = 'local' THEN quantity - consumed - released ELSE 0 END), 0) AS bigint) AS held \
             FROM reservations WHERE tenant = $1 AND sku = $2 AND vendor = $3) AS r \
             CROSS JOIN (SELECT CAST(COALESCE(SUM(x.reserved + x.in_shipment), 0) AS bigint) AS promised, \
             CAST(COALESCE(SUM(x.shipped), 0) AS bigint) AS shipped FROM order_lines x JOIN orders o ON o.id = x.order_id \
             WHERE o.tenant = $1 AND x.sku = $2 AND x.vendor = $3) AS l \
             CROSS JOIN (SELECT CAST(COALESCE(SUM(CASE WHEN y.state = $4 OR y.state = $5 AND $3 = 'local' THEN y.quantity - y.consumed - y.released \
             ELSE 0 END), 0) AS bigint) AS promised, CAST(COALESCE(SUM(CASE WHEN $3 = 'local' THEN y.consumed \
             WHEN y.agreed_at IS NOT NULL THEN y.quantity ELSE 0 END), 0) AS bigint) AS shipped \
             FROM reservations y JOIN order_lines q ON q.order_id = y.order_id AND q.line = y.line \
             WHERE y.tenant = $1 AND y.sku = $2 AND y.vendor = $3 AND q.sourced) AS z \
             LEFT JOIN stock s ON s.tenant = $1 AND s.sku = $2 AND s.vendor = $3"
        )
    };
}
pub(crate) use books_sql;

/// The states in which a reservation holds units.
pub const HOLDING: [&str; 2] = [
    ReservationState::Held.as_str(),
    ReservationState::Committed.as_str(),
];

/// Reads the row of [`books_sql`]; `next` gives its columns in their order.
pub fn read(mut next: impl FnMut() -> Result<Option<i64>>) -> Result<Books> {
    let mut sum = || Ok(next()?.unwrap_or_default());
    let ledger = Ledger {
        movements: sum()?,
        moved: sum()?,
        consumed: sum()?,
        held: sum()?,
        promised: sum()?,
        shipped: sum()?,
        agreed_meanwhile: 0,
    };
    let row = match next()? {
        None => None,
        Some(on_hand) => {
            let mut column = || Ok(next()?.unwrap_or_default());
            Some(StockLevel {
                on_hand,
                reserved: column()?,
                safety: column()?,
                shortfall: column()?,
                version: column()?,
            })
        }
    };
    Ok(Books { row, ledger })
}

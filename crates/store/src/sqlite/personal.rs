//! Personal data of orders, as it is sent to and taken from other stores.

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::encoding::{json, read_personal};
use crate::error::Result;
use rusqlite::{Connection, params};
use waybill_domain::content::Personal;
use waybill_domain::ids::OrderId;

/// The personal data of those of these orders that have any.
pub fn of_orders(connection: &Connection, orders: &[OrderId]) -> Result<Vec<(OrderId, Personal)>> {
    let sql = "SELECT data FROM order_personal WHERE order_id = ?1 AND kind = 'order' ORDER BY seq DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql).store()?;
    let mut found = vec![];
    for order in orders {
        let mut rows = statement.query([order.bytes()]).store()?;
        if let Some(row) = rows.next().store()? {
            let text: String = Columns::of(row).get()?;
            found.push((*order, read_personal(*order, &text)?));
        }
    }
    Ok(found)
}

/// Keeps personal data that came with an event, unless the order has some.
pub fn keep(tx: &Tx<'_>, order: OrderId, personal: &Personal) -> Result<()> {
    tx.execute(
        "INSERT INTO order_personal (order_id, seq, kind, data) VALUES (?1, 0, 'order', ?2) ON CONFLICT DO NOTHING",
        params![order.bytes(), json(personal)],
    )?;
    Ok(())
}

//! What the relay reads and keeps.

use super::errors::IntoStore;
use super::log;
use super::tx::Tx;
use crate::error::{Error, Result};
use crate::model::{Positions, RelayStart};
use crate::relay_state::{PAUSED, START, read_paused, read_start, write_paused, write_start};
use rusqlite::{Connection, OptionalExtension, params};
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

/// Those of `orders` that have an event at or before a position.
pub fn begun_by(
    connection: &Connection,
    position: i64,
    orders: Vec<(Tenant, OrderId)>,
) -> Result<Vec<OrderId>> {
    let mut begun = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM events WHERE tenant = ?1 AND order_id = ?2 AND position <= ?3)",
        )
        .store()?;
    let mut found = vec![];
    for (tenant, order) in orders {
        let params = params![tenant.as_str(), order.bytes(), position];
        if begun.query_row(params, |row| row.get(0)).store()? {
            found.push(order);
        }
    }
    Ok(found)
}

/// Where the relay began; the first call decides it.
pub fn start(tx: &Tx<'_>, start: RelayStart) -> Result<Positions> {
    let wanted = match start {
        RelayStart::Beginning => Positions::beginning(1),
        RelayStart::Now => Positions(vec![log::newest(tx.connection)?]),
    };
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![START, write_start(&wanted)],
    )?;
    let stored = value(tx.connection, START)?;
    let missing = || Error::damaged_row("meta", format!("{START} is missing"));
    read_start(&stored.ok_or_else(missing)?)
}

/// Whether the relay is paused.
pub fn paused(connection: &Connection) -> Result<bool> {
    read_paused(value(connection, PAUSED)?.as_deref())
}

/// Pauses the relay, or lets it go on.
pub fn pause(tx: &Tx<'_>, paused: bool) -> Result<()> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![PAUSED, write_paused(paused)],
    )?;
    Ok(())
}

fn value(connection: &Connection, key: &str) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .store()?
        .query_row([key], |row| row.get(0))
        .optional()
        .store()
}

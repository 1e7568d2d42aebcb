//! What the relay reads and keeps.

use super::errors::IntoStore;
use super::tx::Tx;
use super::{log, once};
use crate::error::{Error, Result};
use crate::model::{Lease, Positions, RelayCommand, RelayStart, RelayState, ReplayProgress};
use crate::relay_state::{
    Entry, KEYS, START, of_command, of_progress, read_start, read_state, write_start,
};
use rusqlite::{Connection, OptionalExtension, params};
use waybill_domain::ids::OrderId;
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

/// Those of `orders` that have an event at or before a position.
pub fn begun_by(
    connection: &Connection,
    position: i64,
    orders: Vec<(Tenant, OrderId)>,
) -> Result<Vec<OrderId>> {
    let mut begun = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM events WHERE tenant = ?1 AND order_id = ?2 AND position - event_count < ?3)",
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

/// Everything that is kept about the relay.
pub fn state(connection: &Connection) -> Result<RelayState> {
    let mut select = connection
        .prepare_cached("SELECT key, value FROM meta WHERE key >= ?1 AND key < ?2")
        .store()?;
    let rows = select.query_map(KEYS, |row| Ok((row.get(0)?, row.get(1)?)));
    let entries = rows.store()?.collect::<rusqlite::Result<_>>();
    read_state(entries.store()?)
}

/// Keeps what a person asks of the relay, once per key.
pub fn command(
    tx: &Tx<'_>,
    tenant: &Tenant,
    command: &RelayCommand,
    claim: Option<&CommandClaim>,
) -> Result<()> {
    if let Some(claim) = claim
        && !once::claim(tx, tenant, claim, &claim.outcome)?
    {
        return Err(Error::KeyUsed);
    }
    keep(tx, of_command(command))
}

/// Keeps how far a replay has come.
pub fn replayed(tx: &Tx<'_>, lease: &Lease, progress: &ReplayProgress) -> Result<()> {
    super::leases::fence(tx, lease)?;
    keep(tx, of_progress(progress))
}

/// Keeps a value.
pub fn keep(tx: &Tx<'_>, (key, value): Entry) -> Result<()> {
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![key, value],
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

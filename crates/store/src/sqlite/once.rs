//! Commands that are done once: the keys they claim (`waybill_domain::once`).

use super::errors::IntoStore;
use super::rows::Columns;
use super::tx::Tx;
use crate::error::Result;
use rusqlite::{Connection, params};
use waybill_domain::once::{CommandClaim, CommandDone};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// Claims a key and records `outcome` for replays; `false` when the key was used. An expired claim is taken over.
pub fn claim(tx: &Tx<'_>, tenant: &Tenant, claim: &CommandClaim, outcome: &str) -> Result<bool> {
    let claimed = tx.execute(
        "INSERT INTO command_claims (tenant, hash, request, outcome, expires_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (hash, tenant) DO UPDATE SET request = excluded.request, outcome = excluded.outcome, expires_at = excluded.expires_at \
         WHERE command_claims.expires_at <= ?6",
        params![
            tenant.as_str(),
            &claim.hash[..],
            &claim.request[..],
            outcome,
            claim.expires_at.0,
            tx.now.0,
        ],
    )?;
    Ok(claimed == 1)
}

/// The command that used a key; `None` when the key was not used or its claim has expired.
pub fn done(
    connection: &Connection,
    tenant: &Tenant,
    hash: &[u8; 16],
    now: Time,
) -> Result<Option<CommandDone>> {
    let mut select = connection
        .prepare_cached("SELECT request, outcome FROM command_claims WHERE hash = ?1 AND tenant = ?2 AND expires_at > ?3")
        .store()?;
    let mut rows = select
        .query(params![&hash[..], tenant.as_str(), now.0])
        .store()?;
    let Some(row) = rows.next().store()? else {
        return Ok(None);
    };
    let mut columns = Columns::of(row);
    Ok(Some(CommandDone {
        request: columns.get()?,
        outcome: columns.get()?,
    }))
}

/// Deletes up to `limit` expired claims; returns how many.
pub fn forget(tx: &Tx<'_>, now: Time, limit: usize) -> Result<usize> {
    tx.execute(
        "DELETE FROM command_claims WHERE (hash, tenant) IN \
         (SELECT hash, tenant FROM command_claims WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        params![now.0, limit],
    )
}

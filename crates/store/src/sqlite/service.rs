//! The service whose store this is, in `meta`.

use super::errors::IntoStore;
use super::tx::Tx;
use crate::error::Result;
use crate::service::{KEY, read};
use rusqlite::{OptionalExtension, params};
use waybill_domain::service::Service;

/// The recorded service; a claim is recorded if there is none.
pub fn recorded(tx: &Tx<'_>, claim: Option<Service>) -> Result<Option<Service>> {
    if let Some(claim) = claim {
        tx.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![KEY, claim.as_str()],
        )?;
    }
    let stored: Option<String> = tx
        .connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .store()?
        .query_row([KEY], |row| row.get(0))
        .optional()
        .store()?;
    stored.as_deref().map(read).transpose()
}

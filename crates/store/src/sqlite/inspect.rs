//! Examines a data folder for `waybill doctor`. Changes nothing and needs no lock.

use super::connection::{self, FILE};
use super::errors::IntoStore;
use super::migrate;
use crate::error::Result;
use crate::migrations;
use std::path::Path;

/// The findings about a data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The version of the SQLite library.
    pub library: &'static str,
    /// The schema found, the newest this binary knows, and whether it may run on what was found.
    pub schema: i64,
    pub known: i64,
    pub usable: bool,
    /// The journal mode: `wal`, unless it was changed by hand.
    pub journal: String,
    pub database_bytes: u64,
    pub wal_bytes: u64,
}

/// Examines the folder; `None` when it has no store yet.
///
/// # Errors
/// The database file exists and cannot be read.
pub fn inspect(directory: &Path) -> Result<Option<Inspection>> {
    connection::check_version()?;
    let file = directory.join(FILE);
    if !file.exists() {
        return Ok(None);
    }
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
    let connection = connection::open_reader(directory)?;
    let journal = connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .store()?;
    Ok(Some(Inspection {
        library: rusqlite::version(),
        schema: migrate::found(&connection)?,
        known: migrations::known(),
        usable: migrate::decide(&connection).is_ok(),
        journal,
        database_bytes: size(&file),
        wal_bytes: size(&file.with_extension("db-wal")),
    }))
}

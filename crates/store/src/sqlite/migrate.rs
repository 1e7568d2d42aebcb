//! Bringing the schema up to date, one numbered file at a time, each in a transaction of its own.

use super::errors::IntoStore;
use crate::error::{Error, Result};
use rusqlite::Connection;

/// The same numbers in every driver; a file once released is never edited.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/sqlite/0001_initial.sql")),
    (
        2,
        include_str!("../../migrations/sqlite/0002_many_processes.sql"),
    ),
];

/// The newest schema this version knows.
pub fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |(number, _)| *number)
}

/// The schema a database has; 0 when it is new.
pub fn found(connection: &Connection) -> Result<i64> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .store()
}

/// Applies what is missing.
///
/// # Errors
/// [`Error::NewerSchema`] when the database was written by a newer version.
pub fn run(connection: &Connection) -> Result<()> {
    let found = found(connection)?;
    if found > known() {
        return Err(Error::NewerSchema {
            found,
            known: known(),
        });
    }
    for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > found) {
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;"
            ))
            .store()?;
        tracing::info!(number, "schema migrated");
    }
    Ok(())
}

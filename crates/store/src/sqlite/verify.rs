//! Opening a store beside a running server, for reading only.

use super::connection;
use super::errors::IntoStore;
use super::{log, migrate};
use crate::error::{Error, Result};
use crate::verify::{Finding, Report, Tables};
use rusqlite::Connection;
use std::path::Path;

/// Opens the database in `directory` read-only and checks it on one snapshot.
///
/// # Errors
/// When it cannot be opened or read; what does not add up is in the report.
pub fn open_for_verify(directory: &Path) -> Result<Report> {
    let file = directory.join(connection::FILE);
    if !file.exists() {
        return Err(Error::Open {
            what: format!("there is no store in {}", directory.display()),
            detail: "name the data folder with --data".into(),
        });
    }
    let connection = connection::open_reader(directory)?;
    let found = migrate::found(&connection)?;
    if found > migrate::known() {
        return Err(Error::NewerSchema {
            found,
            known: migrate::known(),
        });
    }
    connection.execute_batch("BEGIN DEFERRED").store()?;
    let mut report = crate::verify::run(&SqliteTables {
        connection: &connection,
    })?;
    let integrity: String = connection
        .query_row("PRAGMA quick_check(5)", [], |row| row.get(0))
        .store()?;
    if integrity != "ok" {
        report.findings.push(Finding {
            invariant: "I18",
            subject: "database file".into(),
            detail: integrity,
        });
    }
    connection.execute_batch("COMMIT").store()?;
    Ok(report)
}

struct SqliteTables<'a> {
    connection: &'a Connection,
}

impl Tables for SqliteTables<'_> {
    fn rows(&self, sql: &str, visit: &mut dyn FnMut(&[String])) -> Result<()> {
        let mut statement = self.connection.prepare(sql).store()?;
        let width = statement.column_count();
        let mut rows = statement.query([]).store()?;
        while let Some(row) = rows.next().store()? {
            let cells: Vec<String> = (0..width).map(|i| cell(&row.get_ref(i))).collect();
            visit(&cells);
        }
        Ok(())
    }

    fn events(&self, visit: &mut dyn FnMut(waybill_domain::event::LoggedEvent)) -> Result<()> {
        log::scan(self.connection, visit)
    }
}

fn cell(value: &rusqlite::Result<rusqlite::types::ValueRef<'_>>) -> String {
    use rusqlite::types::ValueRef;
    match value {
        Ok(ValueRef::Integer(n)) => n.to_string(),
        Ok(ValueRef::Real(n)) => n.to_string(),
        Ok(ValueRef::Text(t)) => String::from_utf8_lossy(t).into_owned(),
        Ok(ValueRef::Blob(b)) => uuid::Uuid::from_slice(b)
            .map_or_else(|_| format!("{} bytes", b.len()), |id| id.to_string()),
        Ok(ValueRef::Null) | Err(_) => String::new(),
    }
}

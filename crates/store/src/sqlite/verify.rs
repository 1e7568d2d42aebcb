//! Opens a store beside a running server, read-only, and checks it.

use super::connection;
use super::errors::IntoStore;
use super::{archive, log, migrate};
use crate::error::{Error, Result};
use crate::status::Status;
use crate::verify::{Finding, Report, Side, Tables, VisitArchived, VisitEvent, VisitRow};
use async_trait::async_trait;
use rusqlite::Connection;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use waybill_domain::time::Time;

/// Opens the database in `directory` read-only and checks it on one snapshot.
///
/// # Errors
/// The database cannot be opened or read. Violated invariants are no error; the report lists them.
pub fn open_for_verify(directory: &Path) -> Result<Report> {
    let mut connection = open_existing(directory)?;
    check_all(&mut connection)
}

/// Reads what is compared with another store.
///
/// # Errors
/// The database cannot be opened or read, or its schema is too old.
pub fn side(directory: &Path) -> Result<Side> {
    let mut connection = open_existing(directory)?;
    connection.execute_batch("BEGIN DEFERRED").store()?;
    let mut tables = SqliteTables {
        connection: &mut connection,
    };
    let side = blocking(Side::read(&mut tables))?;
    connection.execute_batch("COMMIT").store()?;
    Ok(side)
}

/// Opens the database of a folder that must have one, for reading.
///
/// # Errors
/// There is none, or it is from a newer version.
pub fn open_existing(directory: &Path) -> Result<Connection> {
    let file = directory.join(connection::FILE);
    match file.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            return Err(Error::open(
                format!("there is no store in {}", directory.display()),
                "name the data folder with --data",
            ));
        }
        // This user may not enter the folder, so whether it has a store is unknown.
        Err(error) => return Err(connection::unreadable(directory, error)),
    }
    let connection = connection::open_reader(directory)?;
    migrate::decide(&connection)?;
    Ok(connection)
}

/// Checks a database on one snapshot: every invariant, and the file itself.
pub fn check_all(connection: &mut Connection) -> Result<Report> {
    connection.execute_batch("BEGIN DEFERRED").store()?;
    let mut report = check(connection)?;
    match migrate::check(connection) {
        Err(Error::DamagedDatabase { detail, .. }) => report.findings.push(Finding {
            invariant: "I18",
            subject: "database file".into(),
            detail,
        }),
        checked => checked?,
    }
    connection.execute_batch("COMMIT").store()?;
    Ok(report)
}

/// Runs the checks on the snapshot that the connection has open.
fn check(connection: &mut Connection) -> Result<Report> {
    let mut tables = SqliteTables { connection };
    blocking(crate::verify::run(&mut tables))
}

/// Reads the status of the store in `directory` on one snapshot, also beside a running server.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn look(directory: &Path, now: Time) -> Result<Status> {
    let mut connection = open_existing(directory)?;
    connection.execute_batch("BEGIN DEFERRED").store()?;
    let schema = migrate::found(&connection)?;
    let engine = format!("SQLite {}, schema {schema}", rusqlite::version());
    let mut tables = SqliteTables {
        connection: &mut connection,
    };
    let looked = blocking(crate::status::look(&mut tables, now, engine));
    connection.execute_batch("COMMIT").store()?;
    looked
}

/// Runs a future that only reads [`SqliteTables`]. Such a future never waits, so one poll completes it.
fn blocking<T>(reading: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(reading).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => read,
        Poll::Pending => unreachable!("reading SQLite blocks; nothing in the checks waits"),
    }
}

/// Holds the connection exclusively, because a connection may move between threads but not be shared by them.
struct SqliteTables<'a> {
    connection: &'a mut Connection,
}

#[async_trait]
impl Tables for SqliteTables<'_> {
    async fn rows(&mut self, sql: &str, visit: VisitRow<'_>) -> Result<()> {
        let mut statement = self.connection.prepare(sql).store()?;
        let width = statement.column_count();
        let mut rows = statement.query([]).store()?;
        while let Some(row) = rows.next().store()? {
            let cells: Vec<String> = (0..width).map(|i| cell(&row.get_ref(i))).collect();
            visit(&cells);
        }
        Ok(())
    }

    async fn events(&mut self, visit: VisitEvent<'_>) -> Result<()> {
        let schema = migrate::found(self.connection)?;
        log::scan(self.connection, schema, visit)
    }

    async fn archived(&mut self, visit: VisitArchived<'_>) -> Result<()> {
        archive::scan(self.connection, visit)
    }

    async fn schema(&mut self) -> Result<i64> {
        migrate::found(self.connection)
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

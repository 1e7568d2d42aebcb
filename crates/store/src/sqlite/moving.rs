//! The embedded store as the source of a move: locked, read table by table, and marked as moved so that no server
//! starts on it.

use super::connection;
use super::errors::IntoStore;
use super::lock::{self, DirectoryLock};
use super::verify::{check_all, open_existing};
use super::{accept, migrate, values};
use crate::error::{Error, Result};
use crate::generations;
use crate::migrations;
use crate::moving::{Batch, StoreState, TABLES, Table, Value};
use crate::verify::Report;
use crate::{relay_state, service};
use rusqlite::{Connection, OptionalExtension};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use waybill_domain::status::OrderStatus;

/// Key in `meta` of a store that was moved: the place it was moved to.
pub const MOVED_TO: &str = "moved_to";

/// The most rows of a batch; the next constant limits its bytes.
const BATCH_ROWS: usize = 1_000;
const BATCH_BYTES: usize = 1 << 20;

/// A store that no other process may open.
pub struct Source {
    directory: PathBuf,
    _lock: DirectoryLock,
}

impl Source {
    /// Takes the lock of a folder that holds a store of the schema this version knows.
    pub fn open(directory: &Path) -> Result<Self> {
        // Opened before the lock is taken, so that no lock file is left in a folder that holds no store.
        let connection = open_existing(directory)?;
        let source = Self {
            directory: directory.to_owned(),
            _lock: lock::take(directory)?,
        };
        let (found, known) = (migrate::found(&connection)?, migrations::known());
        if found == known {
            return Ok(source);
        }
        Err(Error::open(
            format!("the store to be moved has schema {found}, this version moves {known}"),
            "migrate it first: `waybill migrate --data FOLDER`, with this version",
        ))
    }

    fn reader(&self) -> Result<Connection> {
        connection::open_reader(&self.directory)
    }

    /// Its identity and the highest numbers it has given out.
    pub fn state(&self) -> Result<StoreState> {
        let connection = self.reader()?;
        let named = |key: &str| {
            let found = meta(&connection, key)?;
            found.ok_or_else(|| Error::damaged_row("meta", format!("{key} is missing")))
        };
        let counter = |name: &str| -> Result<i64> {
            let sql = "SELECT COALESCE((SELECT value FROM counters WHERE name = ?1), 0)";
            connection.query_row(sql, [name], |row| row.get(0)).store()
        };
        let statuses = OrderStatus::ALL.iter();
        let mut relay = vec![];
        for key in relay_state::MOVED.into_iter().chain([generations::KEY]) {
            relay.extend(meta(&connection, key)?.map(|value| (key, value)));
        }
        let service = meta(&connection, service::KEY)?;
        relay.extend(service.map(|value| (service::KEY, value)));
        let mut rows = 0;
        for table in TABLES {
            let sql = format!("SELECT COUNT(*) FROM {}", table.name);
            rows += connection
                .query_row(&sql, [], |row| row.get::<_, u64>(0))
                .store()?;
        }
        Ok(StoreState {
            store_id: named("store_id")?,
            generation: named("generation")?,
            number: accept::load_number(&connection)?,
            position: counter("position")?,
            by_status: statuses
                .map(|status| counter(status.as_str()))
                .collect::<Result<_>>()?,
            relay,
            rows,
        })
    }

    /// Checks every invariant of the store.
    pub fn check(&self) -> Result<Report> {
        check_all(&mut self.reader()?)
    }

    /// Starts a thread that reads every table on one snapshot and sends the rows in batches. After an error it sends
    /// nothing more.
    pub fn read_on_a_thread(&self, batches: mpsc::Sender<Result<Batch>>) -> Result<()> {
        let connection = self.reader()?;
        tokio::task::spawn_blocking(move || {
            if let Err(error) = read_tables(&connection, &batches) {
                // No error: the receiver may be gone.
                let _ = batches.blocking_send(Err(error));
            }
        });
        Ok(())
    }

    /// Marks the store as moved: from now on opening it for serving fails.
    pub fn mark_moved(&self, to: &str) -> Result<()> {
        let writer = self.writer()?;
        let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        writer.execute(sql, [MOVED_TO, to]).map(|_| ()).store()
    }

    /// Removes the mark, after a move that was not committed.
    pub fn unmark(&self) -> Result<()> {
        let sql = "DELETE FROM meta WHERE key = ?1";
        let writer = self.writer()?;
        writer.execute(sql, [MOVED_TO]).map(|_| ()).store()
    }

    fn writer(&self) -> Result<Connection> {
        connection::open_for_change(&self.directory)
    }
}

/// Refuses a store that was moved to a database.
///
/// # Errors
/// The store is marked as moved.
pub fn refuse_moved(connection: &Connection) -> Result<()> {
    match meta(connection, MOVED_TO)? {
        None => Ok(()),
        Some(to) => Err(Error::open(
            format!("the store in this folder was moved to {to}"),
            "start on that database (DATABASE_URL). If the move was broken off, run it again; to go on from what is \
                     here instead, make a backup of this folder and restore it",
        )),
    }
}

fn meta(connection: &Connection, key: &str) -> Result<Option<String>> {
    let sql = "SELECT value FROM meta WHERE key = ?1";
    connection
        .query_row(sql, [key], |row| row.get(0))
        .optional()
        .store()
}

fn read_tables(connection: &Connection, batches: &mpsc::Sender<Result<Batch>>) -> Result<()> {
    connection.execute_batch("BEGIN DEFERRED").store()?;
    for table in TABLES {
        if !read_table(connection, table, batches)? {
            return Ok(());
        }
    }
    connection.execute_batch("COMMIT").store()
}

/// Sends a table's rows in batches; `false` when the receiver is gone.
fn read_table(
    connection: &Connection,
    table: &Table,
    batches: &mpsc::Sender<Result<Batch>>,
) -> Result<bool> {
    let columns = table.columns.iter();
    let columns: Vec<&str> = columns.map(|c| c.instead.unwrap_or(c.name)).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), table.name);
    let mut statement = connection.prepare(&sql).store()?;
    let mut rows = statement.query([]).store()?;
    let (mut batch, mut bytes) = (Batch::default(), 0);
    while let Some(row) = rows.next().store()? {
        let read = values::row(table, row)?;
        bytes += read.iter().map(weight).sum::<usize>();
        batch.rows.push(read);
        if batch.rows.len() == BATCH_ROWS || bytes >= BATCH_BYTES {
            bytes = 0;
            if batches
                .blocking_send(Ok(std::mem::take(&mut batch)))
                .is_err()
            {
                return Ok(false);
            }
        }
    }
    batch.last = true;
    Ok(batches.blocking_send(Ok(batch)).is_ok())
}

/// The bytes of a value that are on the heap.
fn weight(value: &Value) -> usize {
    match value {
        Value::Text(Some(text)) => text.len(),
        Value::Bytes(Some(bytes)) => bytes.len(),
        Value::Text(None)
        | Value::Bytes(None)
        | Value::Small(_)
        | Value::Int(_)
        | Value::Big(_)
        | Value::Bool(_)
        | Value::Uuid(_) => 0,
    }
}

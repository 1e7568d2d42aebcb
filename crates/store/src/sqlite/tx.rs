//! The transaction of a round as a job sees it, and the counters that belong to it.

use super::errors::IntoStore;
use crate::caught::caught;
use crate::error::{Error, Result};
use crate::packed::LogForm;
use rusqlite::Connection;
use waybill_domain::event::LoggedEvent;
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;

/// Counters of the store, cached here and written with every round that moved them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The newest position of the log.
    pub position: i64,
    /// The last order number given out, and the last one of the block that is reserved on disk.
    pub number: i64,
    pub number_block: i64,
    /// Rows in `parked`; while it is 0, the table need not be read.
    pub parked: i64,
    pub by_status: [i64; OrderStatus::ALL.len()],
}

/// The transaction of a round, as a job sees it.
pub struct Tx<'a> {
    pub connection: &'a Connection,
    pub counters: &'a mut Counters,
    /// Events this round appends to the log.
    pub events: &'a mut Vec<LoggedEvent>,
    pub log_form: LogForm,
    pub now: Time,
    /// Whether savepoints are made. A round is first tried without them, because units rarely fail and a savepoint
    /// copies every page it touches. When one does fail, the round is rolled back and run again with them.
    pub careful: bool,
}

impl Tx<'_> {
    /// Runs one statement from the cache of prepared ones; returns how many rows it changed.
    pub fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        self.connection
            .prepare_cached(sql)
            .store()?
            .execute(params)
            .store()
    }

    /// Runs `work` and undoes it if it fails. If SQLite has rolled back the whole transaction, only the error is
    /// returned. On a round's first try there is no savepoint to undo: the error must then reach the round, which runs
    /// its jobs again with savepoints.
    pub fn run_unit<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let (counters, events) = (*self.counters, self.events.len());
        if !self.careful {
            return caught(|| work(self)).flatten();
        }
        self.execute("SAVEPOINT unit", [])?;
        let done = caught(|| work(self)).flatten();
        let kept = done.and_then(|value| self.execute("RELEASE unit", []).map(|_| value));
        if kept.is_err() {
            *self.counters = counters;
            self.events.truncate(events);
            self.undo_unit()?;
        }
        kept
    }

    /// Undoes the innermost savepoint. If even that fails, nothing of the transaction may stay.
    fn undo_unit(&self) -> Result<()> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        let undone = self.execute("ROLLBACK TO unit", []);
        let undone = undone.and_then(|_| self.execute("RELEASE unit", []));
        undone.map(|_| ()).inspect_err(|_| {
            // No error: the round checks next whether the transaction is still open.
            let _ = self.connection.execute_batch("ROLLBACK");
        })
    }
}

/// Writes the counters that a round has moved.
pub fn write_counters(
    connection: &Connection,
    before: &Counters,
    after: &Counters,
) -> rusqlite::Result<()> {
    let write = |name: &str, before: i64, after: i64| -> rusqlite::Result<()> {
        if before != after {
            connection.prepare_cached("INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")?.execute((name, after))?;
        }
        Ok(())
    };
    write("position", before.position, after.position)?;
    write("number", before.number_block, after.number_block)?;
    for (status, (before, after)) in OrderStatus::ALL
        .iter()
        .zip(before.by_status.iter().zip(&after.by_status))
    {
        write(status.as_str(), *before, *after)?;
    }
    Ok(())
}

/// Turns a guarded write that changed no row into [`Error::Conflict`]: another write has changed the row since.
pub fn expect_one(changed: usize, what: &'static str) -> Result<()> {
    if changed == 1 {
        Ok(())
    } else {
        Err(Error::Conflict { what })
    }
}

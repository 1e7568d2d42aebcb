//! Checkpoints: the writer itself moves the write-ahead log into the database, in small portions and often.

use super::connection::BUSY_TIMEOUT;
use super::errors::IntoStore;
use super::readers::Gate;
use crate::error::Result as StoreResult;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode};
use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Decides when to checkpoint, and does it.
pub struct Checkpoints {
    pages: u32,
    limit_pages: u32,
    page_bytes: u64,
    /// The length in pages at which the next checkpoint is tried.
    next: u32,
    gate: Arc<Gate>,
    /// Pages in the log after the last commit.
    wal_pages: Arc<AtomicU32>,
    /// The log's length in bytes, for metrics.
    wal_bytes: Arc<AtomicU64>,
}

impl Checkpoints {
    /// Checkpoints when the log has `pages` pages. Above `limit_bytes`, new readers are held back for a moment so that
    /// the log can start again from its beginning.
    pub fn new(
        pages: u32,
        limit_bytes: u64,
        page_bytes: u64,
        gate: Arc<Gate>,
        wal_bytes: Arc<AtomicU64>,
    ) -> Self {
        // No error: a limit beyond every file is no limit.
        let limit_pages = u32::try_from(limit_bytes / page_bytes.max(1)).unwrap_or(u32::MAX);
        Self {
            pages,
            limit_pages,
            page_bytes,
            next: pages,
            gate,
            wal_pages: Arc::default(),
            wal_bytes,
        }
    }

    /// Installs a hook that records the log's length at each commit of the writing connection.
    pub fn watch(&self, connection: &mut Connection) -> StoreResult<()> {
        let wal_pages = self.wal_pages.clone();
        let hook = move |_: &mut Wal, pages: c_int| {
            // The number of pages is never negative.
            wal_pages.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(hook)).store()
    }

    /// Checkpoints after a commit if the log is long enough.
    ///
    /// # Errors
    /// Only when a sync failed: the kernel may then have dropped the pages it could not write.
    pub fn after_commit(&mut self, connection: &Connection) -> Result<(), String> {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        self.wal_bytes
            .store(u64::from(pages) * self.page_bytes, Ordering::Relaxed);
        if pages < self.pages {
            self.next = self.pages;
        }
        if pages < self.next {
            return Ok(());
        }
        if pages < self.limit_pages {
            return self.run(connection, "PASSIVE", pages);
        }
        let gate = self.gate.clone();
        let _held = gate.hold();
        self.restart(connection, pages)
    }

    /// Only this process's readers are held back. The checkpoint does not wait for a snapshot of another process (a
    /// backup, a verification), because every commit would then wait for the busy timeout.
    fn restart(&mut self, connection: &Connection, pages: u32) -> Result<(), String> {
        let told = |e: rusqlite::Error| e.to_string();
        connection.busy_timeout(Duration::ZERO).map_err(told)?;
        let done = self.run(connection, "RESTART", pages);
        connection.busy_timeout(BUSY_TIMEOUT).map_err(told)?;
        done
    }

    /// Moves the log into the database, as far as no reader needs it.
    pub fn at_close(&mut self, connection: &Connection) {
        if let Err(error) = self.run(
            connection,
            "TRUNCATE",
            self.wal_pages.load(Ordering::Relaxed),
        ) {
            tracing::warn!(
                error,
                "the checkpoint at closing failed; the next start repeats it"
            );
        }
    }

    fn run(&mut self, connection: &Connection, mode: &str, pages: u32) -> Result<(), String> {
        // The next try is a quarter of the log's length away, so that a checkpoint that readers block is not tried at
        // every commit. When the log starts again from its beginning, its length is small again.
        // No error: a length that no file has is never reached.
        self.next = pages.saturating_add(self.pages / 4);
        let held_up = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            row.get::<_, bool>(0)
        });
        match held_up {
            Ok(false) => Ok(()),
            Ok(true) => {
                tracing::warn!(
                    pages,
                    "a long read keeps the write-ahead log from being reused"
                );
                Ok(())
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => {
                Err(error.to_string())
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint did not finish; all data are still in the write-ahead log");
                Ok(())
            }
        }
    }
}

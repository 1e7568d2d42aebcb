//! The store on SQLite: each method gives one job to the writer or to a reader. One file for each trait.

mod archive;
mod claims;
mod clients;
mod delivery;
mod effects;
mod inbox;
mod log;
mod orders;
mod relay;
mod samples;
mod service;
mod stock;
mod vendors;
mod work;

use super::claims::Walk;
use super::lock::DirectoryLock;
use super::readers::Readers;
use super::schedule::Class;
use super::stats;
use super::writer::Writer;
use crate::error::Result;
use crate::model::{Identity, Positions, Stats};
use crate::traits::{Now, StoreBase};
use crate::turn::TurnStore;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use waybill_domain::time::Time;

/// The embedded store.
pub struct SqliteStore {
    pub(super) identity: Identity,
    // Dropped in this order: readers hold snapshots, the writer empties its log, the lock goes last.
    pub(super) readers: Arc<Readers>,
    pub(super) writer: Arc<Writer>,
    pub(super) now: Now,
    pub(super) scan_limit: usize,
    pub(super) wal_bytes: Arc<AtomicU64>,
    pub(super) claims_walk: Arc<Mutex<Walk>>,
    /// The order after which the next search for stuck orders begins.
    pub(super) stuck_walk: Arc<AtomicI64>,
    pub(super) lock: Mutex<Option<DirectoryLock>>,
}

#[async_trait]
impl StoreBase for SqliteStore {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn time(&self) -> Result<Option<Time>> {
        Ok(None)
    }

    fn turns(self: Arc<Self>) -> Option<Arc<dyn TurnStore>> {
        Some(self)
    }

    async fn stats(&self) -> Result<Stats> {
        let mut stats = self.readers.read(stats::read).await?;
        stats.wal_bytes = self.wal_bytes.load(Ordering::Relaxed);
        (stats.queue_foreground, stats.queue_background) = self.writer.waiting();
        (stats.readers, stats.readers_idle) = self.readers.counts();
        Ok(stats)
    }

    async fn log_ends(&self) -> Result<Positions> {
        self.readers.read(stats::log_ends).await
    }

    async fn check_writable(&self) -> Result<()> {
        self.writer
            .submit(Class::Foreground, |tx| {
                // A real write, so that a full disk makes the check fail.
                let at = tx.now.0.to_string();
                tx.execute("INSERT INTO meta (key, value) VALUES ('checked_at', ?1) ON CONFLICT (key) DO UPDATE SET value = excluded.value", [at])?;
                Ok(())
            })
            .await
    }

    async fn close(&self) {
        let (writer, readers) = (self.writer.clone(), self.readers.clone());
        // Joining threads blocks, so it runs outside of the async workers.
        let closed = tokio::task::spawn_blocking(move || {
            readers.close();
            writer.close();
        });
        if closed.await.is_err() {
            tracing::error!("closing the store panicked");
        }
        self.lock.lock().take();
    }
}

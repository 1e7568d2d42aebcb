//! The store on PostgreSQL, one file for each trait. Every write runs in its own task, so that a caller that goes away
//! does not leave half a transaction sent.

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

use super::due::Looks;
use super::notify::Notifier;
use super::pipeline::{Sql, params};
use super::rows::Columns;
use super::shared::Shared;
use super::stats;
use super::transaction::Commits;
use crate::error::{Error, Result};
use crate::model::{Identity, PoolUse, Positions, Stats};
use crate::traits::StoreBase;
use crate::turn::TurnStore;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tokio_postgres::types::Type;
use tokio_util::task::TaskTracker;
use waybill_domain::time::Time;

/// The shared store.
pub struct PostgresStore {
    shared: Arc<Shared>,
    /// The page of the claims table that the next search for expired claims begins at.
    claims_walk: Arc<AtomicI64>,
    /// The order after which the next search for stuck orders begins.
    stuck_walk: Arc<AtomicI64>,
    due_looks: Arc<Looks>,
    notifier: Mutex<Option<Notifier>>,
    writes: TaskTracker,
    closed: AtomicBool,
}

impl PostgresStore {
    pub(super) fn new(shared: Shared, notifier: Notifier) -> Self {
        Self {
            due_looks: Arc::new(Looks::new(shared.identity.partitions)),
            shared: Arc::new(shared),
            claims_walk: Arc::default(),
            stuck_walk: Arc::default(),
            notifier: Mutex::new(Some(notifier)),
            writes: TaskTracker::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// The connections for reading.
    fn read(&self) -> Result<&Commits> {
        self.check_open()?;
        Ok(&self.shared.commits)
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the store is closing"));
        }
        Ok(())
    }

    /// Runs a write to its end, whether or not somebody still waits for it.
    async fn write<T, F>(&self, run: impl FnOnce(Arc<Shared>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.check_open()?;
        let task = self.writes.spawn(run(self.shared.clone()));
        let gone = |_| Err(Error::OutcomeUnknown);
        task.await.unwrap_or_else(gone)
    }
}

static CHECK: Sql = Sql {
    text: "/* store::check_writable */ INSERT INTO meta (key, value) VALUES ('checked_at', $1) \
           ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    types: &[Type::TEXT],
};

/// The database's clock at the statement, not at the beginning of the transaction.
static TIME: Sql = Sql {
    text: "/* store::time */ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    types: &[],
};

#[async_trait]
impl StoreBase for PostgresStore {
    fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    async fn time(&self) -> Result<Option<Time>> {
        let rows = self.read()?.read(&TIME, vec![]).await?;
        let now = rows.first().map(|row| Columns::of(row).time());
        now.transpose()
    }

    fn turns(self: Arc<Self>) -> Option<Arc<dyn TurnStore>> {
        Some(self)
    }

    async fn stats(&self) -> Result<Stats> {
        stats::read(self.read()?, self.shared.identity.partitions).await
    }

    async fn log_ends(&self) -> Result<Positions> {
        stats::log_ends(self.read()?, self.shared.identity.partitions).await
    }

    fn pool_use(&self) -> Option<PoolUse> {
        Some(self.shared.commits.connections.waits.counts())
    }

    async fn check_writable(&self) -> Result<()> {
        let commits = self.read()?;
        let at = (self.shared.now)().0.to_string();
        let written = commits.write_through(&CHECK, params![at]).await;
        written.map_err(|error| match error {
            Error::OutcomeUnknown => {
                Error::unavailable("a commit did not reach its standby; ready again when one does")
            }
            other => other,
        })?;
        commits.room.check()
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.writes.close();
        self.writes.wait().await;
        self.notifier.lock().take();
        self.shared.commits.connections.close();
    }
}

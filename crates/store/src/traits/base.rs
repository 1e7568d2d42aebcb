//! The part of a store that does not depend on its rows: identity, clock, health, figures.

use crate::error::Result;
use crate::model::{Identity, PoolUse, Positions, Stats};
use crate::turn::TurnStore;
use async_trait::async_trait;
use std::sync::Arc;
use waybill_domain::event::{LoggedEvent, NewEvent};
use waybill_domain::time::Time;

/// The injected clock.
pub type Now = Arc<dyn Fn() -> Time + Send + Sync>;

/// Is called when the log has grown, right after the commit that made the events durable. Must return at once, because
/// the writer waits for it.
pub trait CommitListener: Send + Sync + 'static {
    /// Every event, in the order of the log. Called by a store that alone writes its log ([`Identity::one_writer`]),
    /// and by no other.
    fn committed(&self, events: &Arc<[LoggedEvent]>);

    /// What this process has appended to a log that it shares, once for each commit. Called by a store that shares its
    /// log, and by no other.
    fn appended(&self, events: &[&NewEvent]);

    /// A partition has grown, by this process or another, so its readers should read again. Called by a store that
    /// shares its log. It may be called without new events, and a call may be lost with a connection.
    fn grown(&self, partition: u16);
}

/// A durable store as the process that opened it sees it.
#[async_trait]
pub trait StoreBase: Send + Sync + 'static {
    /// The store's identity.
    fn identity(&self) -> &Identity;

    /// The time by the store's clock, which all processes that share it use; `None` for a store of one process, which
    /// uses its own clock.
    async fn time(&self) -> Result<Option<Time>>;

    /// The store as one in which delivery and status can work in one transaction; `None` for a store that does not hold
    /// the rows of both.
    fn turns(self: Arc<Self>) -> Option<Arc<dyn TurnStore>> {
        None
    }

    /// Figures for people and metrics; counts a bounded number of rows.
    async fn stats(&self) -> Result<Stats>;

    /// The position of the newest event of each partition.
    async fn log_ends(&self) -> Result<Positions> {
        Ok(self.stats().await?.log_positions)
    }

    /// How many callers wait for a connection; needs no connection itself. `None` for a store without a pool.
    fn pool_use(&self) -> Option<PoolUse> {
        None
    }

    /// Fails when a commit is not possible now.
    async fn check_writable(&self) -> Result<()>;

    /// Fails when the store cannot be read now.
    async fn check_readable(&self) -> Result<()> {
        self.stats().await.map(drop)
    }

    /// Finishes the submitted calls and closes the store. Later calls fail with [`crate::Error::Unavailable`].
    async fn close(&self);
}

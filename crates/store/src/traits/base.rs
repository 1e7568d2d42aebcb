//! What every store has, whichever rows it holds: identity, clock, health, figures.

use crate::error::Result;
use crate::model::{Identity, PoolUse, Stats};
use async_trait::async_trait;
use std::sync::Arc;
use waybill_domain::event::LoggedEvent;
use waybill_domain::time::Time;

/// The injected clock.
pub type Now = Arc<dyn Fn() -> Time + Send + Sync>;

/// Hears of the log's growth right after the commit that made it durable. Must return at once: the writer waits.
pub trait CommitListener: Send + Sync + 'static {
    /// Every event, in the order of the log. Called by a store that alone writes its log ([`Identity::one_writer`]),
    /// and by no other.
    fn committed(&self, events: &Arc<[LoggedEvent]>);

    /// A partition has grown, by this process or another: who reads it may look again. Called by a store that shares
    /// its log; it may be called for nothing, and a call may get lost with a connection.
    fn grown(&self, partition: u16);
}

/// A durable store as the process that opened it sees it.
#[async_trait]
pub trait StoreBase: Send + Sync + 'static {
    /// Who this store is.
    fn identity(&self) -> &Identity;

    /// What time it is by the store's own clock, which all processes that share it can see; `None` where one process
    /// has the store and its clock is as good as any.
    async fn time(&self) -> Result<Option<Time>>;

    /// Figures for people and metrics; counts a bounded number of rows.
    async fn stats(&self) -> Result<Stats>;

    /// Who waits for a connection, told without one; `None` for a store without a pool.
    fn pool_use(&self) -> Option<PoolUse> {
        None
    }

    /// Whether a commit is possible now.
    async fn check_writable(&self) -> Result<()>;

    /// Whether what is stored can be read now.
    async fn check_readable(&self) -> Result<()> {
        self.stats().await.map(drop)
    }

    /// Finishes what was submitted and closes the store. Calls after it fail.
    async fn close(&self);
}

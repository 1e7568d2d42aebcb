//! Transactions that write the effects of one owner's decisions: alone, or with the cursor, the watermarks, the
//! parked event or the piece of work that belongs to them.

use super::base::StoreBase;
use super::effect::Effect;
use crate::consume::{BatchDecision, Consumed};
use crate::error::Result;
use crate::model::{ConsumerBatch, InboxBatch, Lease, LeasedWork, ParkedOutcome, WorkOutcome};
use async_trait::async_trait;
use std::sync::Arc;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;

/// Writes effects of one owner.
#[async_trait]
pub trait EffectStore<E: Effect>: StoreBase {
    /// The owner's rows of several orders of any tenants; orders that do not exist are left out.
    async fn load(&self, orders: Vec<OrderId>) -> Result<Vec<E::Known>>;

    /// Writes independent changes (of commands, timers, expiries); one result per change, in order. With a lease, every
    /// change is fenced by it.
    async fn write_changes(
        &self,
        changes: Vec<Change<E>>,
        lease: Option<Lease>,
    ) -> Result<Vec<Result<()>>>;

    /// Loads the rows that a batch needs, runs its decision, and writes its effects and the cursor in one transaction.
    /// Returns what was written.
    ///
    /// Fails with [`crate::Error::Conflict`] where another process changed or parked an order meanwhile; nothing is
    /// written, and the caller decides again.
    async fn consume(&self, batch: Arc<dyn BatchDecision<E>>) -> Result<Consumed>;

    /// Writes a batch's effects and the cursor in one transaction.
    ///
    /// Fails with [`crate::Error::Conflict`] when an order was changed or parked meanwhile; nothing is written.
    async fn apply_batch(&self, apply: ConsumerBatch<E>) -> Result<()>;

    /// Takes events of another store: writes their effects and their watermarks in one transaction.
    ///
    /// Fails with [`crate::Error::Conflict`] when another process took one of the events, or changed or parked an order,
    /// meanwhile; nothing is written.
    async fn receive(&self, batch: InboxBatch<E>) -> Result<()>;

    /// Records the result of a try of a parked event, fenced by the lease.
    async fn settle_parked(
        &self,
        lease: Lease,
        order: OrderId,
        position: i64,
        outcome: ParkedOutcome<E>,
    ) -> Result<()>;

    /// Records the result of leased work, fenced by its epoch.
    async fn settle_work(&self, work: &LeasedWork, outcome: WorkOutcome<E>) -> Result<()>;
}

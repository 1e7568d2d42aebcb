//! Writing effects: of commands, batches, parked events and work.

use super::super::changes::OwnedRows;
use super::super::schedule::Class;
use super::super::tx::Tx;
use super::super::{apply, inbox, parked, turn, work};
use super::SqliteStore;
use crate::consume::{BatchDecision, Consumed};
use crate::error::Result;
use crate::model::{ConsumerBatch, InboxBatch, Lease, LeasedWork, ParkedOutcome, WorkOutcome};
use crate::traits::EffectStore;
use crate::turn::{Turn, TurnStore};
use async_trait::async_trait;
use std::sync::Arc;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;

#[async_trait]
impl TurnStore for SqliteStore {
    async fn take_turn(&self, mut turn: Box<dyn Turn>) -> Result<i64> {
        let scan = self.scan_limit;
        let take = move |tx: &mut Tx<'_>| turn::take(tx, &mut *turn, scan);
        self.writer.submit(Class::Background, take).await?;
        // Nobody else appends.
        Ok(0)
    }
}

#[async_trait]
impl<E: OwnedRows> EffectStore<E> for SqliteStore {
    async fn load(&self, orders: Vec<OrderId>) -> Result<Vec<E::Known>> {
        self.readers.read(move |c| E::load(c, &orders)).await
    }

    async fn write_changes(
        &self,
        changes: Vec<Change<E>>,
        lease: Option<Lease>,
    ) -> Result<Vec<Result<()>>> {
        let class = if lease.is_some() {
            Class::Background
        } else {
            Class::Foreground
        };
        self.writer
            .submit(class, move |tx| {
                apply::advance(tx, &changes, lease.as_ref())
            })
            .await
    }

    /// One job of the writer: nothing can change between what is read and what is written, so there are no conflicts.
    async fn consume(&self, batch: Arc<dyn BatchDecision<E>>) -> Result<Consumed> {
        self.writer
            .submit(Class::Background, move |tx| apply::consume(tx, &*batch))
            .await
    }

    async fn apply_batch(&self, batch: ConsumerBatch<E>) -> Result<()> {
        self.writer
            .submit(Class::Background, move |tx| apply::apply(tx, &batch))
            .await
    }

    async fn receive(&self, batch: InboxBatch<E>) -> Result<()> {
        self.writer
            .submit(Class::Background, move |tx| inbox::receive(tx, &batch))
            .await
    }

    async fn settle_parked(
        &self,
        lease: Lease,
        order: OrderId,
        position: i64,
        outcome: ParkedOutcome<E>,
    ) -> Result<()> {
        self.writer
            .submit(Class::Background, move |tx| {
                parked::settle(tx, &lease, order, position, &outcome)
            })
            .await
    }

    async fn settle_work(&self, piece: &LeasedWork, outcome: WorkOutcome<E>) -> Result<()> {
        let (id, epoch, target) = (piece.id, piece.epoch, piece.target.clone());
        self.writer
            .submit(Class::Background, move |tx| {
                work::settle(tx, id, epoch, &target, &outcome)
            })
            .await
    }
}

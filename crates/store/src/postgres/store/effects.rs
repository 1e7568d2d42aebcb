//! Writing effects: of commands, batches, parked events and work.

use super::super::changes::OwnedRows;
use super::super::{apply, inbox, parked, turn, work};
use super::PostgresStore;
use crate::consume::{BatchDecision, Consumed};
use crate::consume_steps;
use crate::error::Result;
use crate::model::{ConsumerBatch, InboxBatch, Lease, LeasedWork, ParkedOutcome, WorkOutcome};
use crate::traits::EffectStore;
use crate::turn::{Turn, TurnStore};
use async_trait::async_trait;
use std::sync::Arc;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;

#[async_trait]
impl TurnStore for PostgresStore {
    async fn take_turn(&self, turn: Box<dyn Turn>) -> Result<i64> {
        let looks = self.due_looks.clone();
        self.write(|shared| async move { turn::take(&shared, &looks, turn).await })
            .await
    }
}

#[async_trait]
impl<E: OwnedRows> EffectStore<E> for PostgresStore {
    async fn load(&self, orders: Vec<OrderId>) -> Result<Vec<E::Known>> {
        if orders.is_empty() {
            return Ok(vec![]);
        }
        E::load(self.read()?, &orders).await
    }

    async fn write_changes(
        &self,
        changes: Vec<Change<E>>,
        lease: Option<Lease>,
    ) -> Result<Vec<Result<()>>> {
        self.write(|shared| async move { apply::advance(&shared, &changes, lease.as_ref()).await })
            .await
    }

    async fn consume(&self, batch: Arc<dyn BatchDecision<E>>) -> Result<Consumed> {
        consume_steps::in_three_steps(self, &*batch).await
    }

    async fn apply_batch(&self, batch: ConsumerBatch<E>) -> Result<()> {
        self.write(|shared| async move { apply::apply(&shared, &batch).await })
            .await
    }

    async fn receive(&self, batch: InboxBatch<E>) -> Result<()> {
        self.write(|shared| async move { inbox::receive(&shared, &batch).await })
            .await
    }

    async fn settle_parked(
        &self,
        lease: Lease,
        order: OrderId,
        position: i64,
        outcome: ParkedOutcome<E>,
    ) -> Result<()> {
        self.write(|shared| async move {
            parked::settle(&shared, &lease, order, position, &outcome).await
        })
        .await
    }

    async fn settle_work(&self, piece: &LeasedWork, outcome: WorkOutcome<E>) -> Result<()> {
        let piece = piece.clone();
        self.write(|shared| async move { work::settle(&shared, &piece, &outcome).await })
            .await
    }
}

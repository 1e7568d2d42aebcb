//! What the relay reads and keeps.

use super::super::{log, parked, personal, relay};
use super::PostgresStore;
use crate::error::Result;
use crate::model::{
    Lease, Positions, RelayCommand, RelayNote, RelayStart, RelayState, ReplayProgress,
};
use crate::traits::RelayStore;
use async_trait::async_trait;
use waybill_domain::content::Personal;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

#[async_trait]
impl RelayStore for PostgresStore {
    async fn read_all(&self, partition: u16, after: i64, limit: usize) -> Result<Vec<LoggedEvent>> {
        log::read_all(self.read()?, partition, after, limit).await
    }

    async fn orders_begun_by(
        &self,
        partition: u16,
        position: i64,
        orders: Vec<(Tenant, OrderId)>,
    ) -> Result<Vec<OrderId>> {
        relay::begun_by(self.read()?, partition, position, &orders).await
    }

    async fn personal_of(&self, orders: Vec<OrderId>) -> Result<Vec<(OrderId, Personal)>> {
        personal::of_orders(self.read()?, &orders).await
    }

    async fn relay_start(&self, start: RelayStart) -> Result<Positions> {
        self.write(|shared| async move {
            relay::start(&shared.commits, shared.identity.partitions, start).await
        })
        .await
    }

    async fn relay_state(&self) -> Result<RelayState> {
        relay::state(self.read()?).await
    }

    async fn command_relay(
        &self,
        tenant: &Tenant,
        command: RelayCommand,
        claim: Option<CommandClaim>,
    ) -> Result<()> {
        let tenant = tenant.clone();
        self.write(|shared| async move {
            relay::command(&shared, &tenant, &command, claim.as_ref()).await
        })
        .await
    }

    async fn note_relay(&self, note: RelayNote) -> Result<()> {
        self.write(|shared| async move { relay::note(&shared.commits, &note).await })
            .await
    }

    async fn note_replayed(&self, lease: &Lease, progress: ReplayProgress) -> Result<()> {
        let lease = lease.clone();
        self.write(|shared| async move { relay::replayed(&shared, &lease, &progress).await })
            .await
    }

    async fn parked_keys(&self, consumer: &str) -> Result<Vec<(u16, u64)>> {
        parked::keys(self.read()?, consumer).await
    }
}

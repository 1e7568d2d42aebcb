//! What the relay reads and keeps.

use super::super::schedule::Class;
use super::super::{log, parked, personal, relay};
use super::SqliteStore;
use crate::error::Result;
use crate::model::{
    Lease, Positions, RelayCommand, RelayNote, RelayStart, RelayState, ReplayProgress,
};
use crate::relay_state::of_note;
use crate::traits::RelayStore;
use async_trait::async_trait;
use waybill_domain::content::Personal;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

#[async_trait]
impl RelayStore for SqliteStore {
    async fn read_all(&self, partition: u16, after: i64, limit: usize) -> Result<Vec<LoggedEvent>> {
        self.readers
            .read(move |c| log::read_all(c, partition, after, limit))
            .await
    }

    async fn orders_begun_by(
        &self,
        _partition: u16,
        position: i64,
        orders: Vec<(Tenant, OrderId)>,
    ) -> Result<Vec<OrderId>> {
        self.readers
            .read(move |c| relay::begun_by(c, position, orders))
            .await
    }

    async fn personal_of(&self, orders: Vec<OrderId>) -> Result<Vec<(OrderId, Personal)>> {
        self.readers
            .read(move |c| personal::of_orders(c, &orders))
            .await
    }

    async fn relay_start(&self, start: RelayStart) -> Result<Positions> {
        self.writer
            .submit(Class::Background, move |tx| relay::start(tx, start))
            .await
    }

    async fn relay_state(&self) -> Result<RelayState> {
        self.readers.read(relay::state).await
    }

    async fn command_relay(
        &self,
        tenant: &Tenant,
        command: RelayCommand,
        claim: Option<CommandClaim>,
    ) -> Result<()> {
        let tenant = tenant.clone();
        self.writer
            .submit(Class::Foreground, move |tx| {
                relay::command(tx, &tenant, &command, claim.as_ref())
            })
            .await
    }

    async fn note_relay(&self, note: RelayNote) -> Result<()> {
        self.writer
            .submit(Class::Background, move |tx| relay::keep(tx, of_note(&note)))
            .await
    }

    async fn note_replayed(&self, lease: &Lease, progress: ReplayProgress) -> Result<()> {
        let lease = lease.clone();
        self.writer
            .submit(Class::Background, move |tx| {
                relay::replayed(tx, &lease, &progress)
            })
            .await
    }

    async fn parked_keys(&self, consumer: &str) -> Result<Vec<(u16, u64)>> {
        let consumer = consumer.to_owned();
        self.readers.read(move |c| parked::keys(c, &consumer)).await
    }
}

//! What the relay reads and keeps.

use super::super::schedule::Class;
use super::super::{log, personal, relay};
use super::SqliteStore;
use crate::error::Result;
use crate::model::{Positions, RelayStart};
use crate::traits::RelayStore;
use async_trait::async_trait;
use waybill_domain::content::Personal;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
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

    async fn relay_paused(&self) -> Result<bool> {
        self.readers.read(relay::paused).await
    }

    async fn pause_relay(&self, paused: bool) -> Result<()> {
        self.writer
            .submit(Class::Foreground, move |tx| relay::pause(tx, paused))
            .await
    }
}

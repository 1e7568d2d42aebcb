//! Events of other stores.

use super::super::{held, inbox};
use super::PostgresStore;
use crate::error::Result;
use crate::model::{Held, HeldId, InboxGeneration, InboxSource, NewHeld, Page};
use crate::traits::InboxStore;
use async_trait::async_trait;
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::{HeldReason, Seen};
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;

#[async_trait]
impl InboxStore for PostgresStore {
    async fn inbox_source(
        &self,
        consumer: &str,
        store_id: &str,
        generation: &str,
    ) -> Result<InboxSource> {
        let [consumer, store_id, generation] = [consumer, store_id, generation].map(str::to_owned);
        self.write(|shared| async move {
            inbox::source(&shared, &consumer, &store_id, &generation).await
        })
        .await
    }

    async fn watermarks(
        &self,
        source: i32,
        aggregates: Vec<Aggregate>,
    ) -> Result<Vec<(Aggregate, Seen)>> {
        inbox::watermarks(self.read()?, source, aggregates).await
    }

    async fn waiting(&self, source: i32, aggregates: Vec<Aggregate>) -> Result<Vec<Held>> {
        held::waiting(self.read()?, source, aggregates).await
    }

    async fn count_held(&self, consumer: &str, reason: HeldReason, up_to: usize) -> Result<usize> {
        held::count(self.read()?, consumer, reason, up_to).await
    }

    async fn hold(&self, consumer: &str, partition: u16, message: NewHeld) -> Result<()> {
        let consumer = consumer.to_owned();
        self.write(
            |shared| async move { held::hold_one(&shared, &consumer, partition, &message).await },
        )
        .await
    }

    async fn due_held(&self, consumer: &str, partition: u16, limit: usize) -> Result<Vec<Held>> {
        held::due(self.read()?, consumer, partition, limit).await
    }

    async fn list_held(
        &self,
        tenant: &Tenant,
        after: Option<ParkedPlace>,
        limit: usize,
    ) -> Result<Page<Held, ParkedPlace>> {
        held::list(self.read()?, tenant, after.as_ref(), limit).await
    }

    async fn held_failed(&self, tried: Held, error: &str) -> Result<()> {
        let error = error.to_owned();
        self.write(|shared| async move { held::failed(&shared, &tried, &error).await })
            .await
    }

    async fn drop_held(&self, consumer: &str, id: HeldId) -> Result<()> {
        let consumer = consumer.to_owned();
        self.write(|shared| async move { held::release_one(&shared.commits, &consumer, id).await })
            .await
    }

    async fn inbox_generations(&self) -> Result<Vec<InboxGeneration>> {
        inbox::generations(self.read()?).await
    }

    async fn adopt_generation(&self, store_id: &str, generation: &str) -> Result<usize> {
        let [store_id, generation] = [store_id, generation].map(str::to_owned);
        self.write(|shared| async move { inbox::adopt(&shared, &store_id, &generation).await })
            .await
    }
}

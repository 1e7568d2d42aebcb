//! Events of other stores.

use super::super::inbox;
use super::PostgresStore;
use crate::error::Result;
use crate::model::{InboxGeneration, InboxSource};
use crate::traits::InboxStore;
use async_trait::async_trait;
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::Watermark;

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
    ) -> Result<Vec<(Aggregate, Watermark)>> {
        inbox::watermarks(self.read()?, source, aggregates).await
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

//! Events of other stores.

use super::super::inbox;
use super::super::schedule::Class;
use super::SqliteStore;
use crate::error::Result;
use crate::model::{InboxGeneration, InboxSource};
use crate::traits::InboxStore;
use async_trait::async_trait;
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::Watermark;

#[async_trait]
impl InboxStore for SqliteStore {
    async fn inbox_source(
        &self,
        consumer: &str,
        store_id: &str,
        generation: &str,
    ) -> Result<InboxSource> {
        let [consumer, store_id, generation] = [consumer, store_id, generation].map(str::to_owned);
        self.writer
            .submit(Class::Background, move |tx| {
                inbox::source(tx, &consumer, &store_id, &generation)
            })
            .await
    }

    async fn watermarks(
        &self,
        source: i32,
        aggregates: Vec<Aggregate>,
    ) -> Result<Vec<(Aggregate, Watermark)>> {
        self.readers
            .read(move |c| inbox::watermarks(c, source, &aggregates))
            .await
    }

    async fn inbox_generations(&self) -> Result<Vec<InboxGeneration>> {
        self.readers.read(inbox::generations).await
    }

    async fn adopt_generation(&self, store_id: &str, generation: &str) -> Result<usize> {
        let [store_id, generation] = [store_id, generation].map(str::to_owned);
        self.writer
            .submit(Class::Background, move |tx| {
                inbox::adopt(tx, &store_id, &generation)
            })
            .await
    }
}

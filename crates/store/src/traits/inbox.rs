//! Events of other stores. They are taken, with their effects, by [`super::EffectStore::receive`].

use super::base::StoreBase;
use crate::error::Result;
use crate::model::{InboxGeneration, InboxSource};
use async_trait::async_trait;
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::Watermark;

/// What is known of other stores.
#[async_trait]
pub trait InboxStore: StoreBase {
    /// A store that sends events to a consumer. It is recorded when it is new. Its first generation is adopted at once;
    /// a later one is recorded and waits for [`InboxStore::adopt_generation`].
    async fn inbox_source(
        &self,
        consumer: &str,
        store_id: &str,
        generation: &str,
    ) -> Result<InboxSource>;

    /// The watermarks of aggregates of a source; those without an event yet are left out.
    async fn watermarks(
        &self,
        source: i32,
        aggregates: Vec<Aggregate>,
    ) -> Result<Vec<(Aggregate, Watermark)>>;

    /// Every generation that was seen, by consumer, store and time.
    async fn inbox_generations(&self) -> Result<Vec<InboxGeneration>>;

    /// Gives the generation of a store the next number, for every consumer that has seen it; returns how many consumers
    /// had it waiting.
    async fn adopt_generation(&self, store_id: &str, generation: &str) -> Result<usize>;
}

//! Events of other stores.

use super::super::schedule::Class;
use super::super::{held, inbox};
use super::SqliteStore;
use crate::error::Result;
use crate::model::{Held, HeldId, InboxGeneration, InboxSource, NewHeld, Page};
use crate::traits::InboxStore;
use async_trait::async_trait;
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::{HeldReason, Seen};
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;

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
    ) -> Result<Vec<(Aggregate, Seen)>> {
        self.readers
            .read(move |c| inbox::watermarks(c, source, &aggregates))
            .await
    }

    async fn waiting(&self, source: i32, aggregates: Vec<Aggregate>) -> Result<Vec<Held>> {
        self.readers
            .read(move |c| held::waiting(c, source, &aggregates))
            .await
    }

    async fn count_held(&self, consumer: &str, reason: HeldReason, up_to: usize) -> Result<usize> {
        let consumer = consumer.to_owned();
        self.readers
            .read(move |c| held::count(c, &consumer, reason, up_to))
            .await
    }

    async fn hold(&self, consumer: &str, partition: u16, message: NewHeld) -> Result<()> {
        let consumer = consumer.to_owned();
        self.writer
            .submit(Class::Background, move |tx| {
                held::hold(tx, &consumer, partition, &message)
            })
            .await
    }

    async fn due_held(&self, consumer: &str, partition: u16, limit: usize) -> Result<Vec<Held>> {
        let consumer = consumer.to_owned();
        self.readers
            .read(move |c| held::due(c, &consumer, partition, limit))
            .await
    }

    async fn list_held(
        &self,
        tenant: &Tenant,
        after: Option<ParkedPlace>,
        limit: usize,
    ) -> Result<Page<Held, ParkedPlace>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| held::list(c, &tenant, after.as_ref(), limit))
            .await
    }

    async fn held_failed(&self, tried: Held, error: &str) -> Result<()> {
        let error = error.to_owned();
        self.writer
            .submit(Class::Background, move |tx| {
                held::failed(tx, &tried, &error)
            })
            .await
    }

    async fn drop_held(&self, consumer: &str, id: HeldId) -> Result<()> {
        let consumer = consumer.to_owned();
        self.writer
            .submit(Class::Background, move |tx| {
                held::release(tx, &consumer, id)
            })
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

//! Events of other stores. They are taken, with their effects, by [`super::EffectStore::receive`].

use super::base::StoreBase;
use crate::error::Result;
use crate::model::{Held, HeldId, InboxGeneration, InboxSource, NewHeld, Page};
use async_trait::async_trait;
use waybill_domain::event::Aggregate;
use waybill_domain::inbox::{HeldReason, Seen};
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;

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
    ) -> Result<Vec<(Aggregate, Seen)>>;

    /// The events of aggregates of a source that wait for others.
    async fn waiting(&self, source: i32, aggregates: Vec<Aggregate>) -> Result<Vec<Held>>;

    /// How many messages wait for a reason, counted up to a limit.
    async fn count_held(&self, consumer: &str, reason: HeldReason, up_to: usize) -> Result<usize>;

    /// Lets a message wait that belongs to no aggregate that can be told; one that waits already stays unchanged.
    async fn hold(&self, consumer: &str, partition: u16, message: NewHeld) -> Result<()>;

    /// Messages of a partition that a person has flagged, and events whose watermark says that they are no longer ahead
    /// of it.
    async fn due_held(&self, consumer: &str, partition: u16, limit: usize) -> Result<Vec<Held>>;

    /// A page of a tenant's messages that wait, one per consumer and key: a message that cannot be read before events
    /// that wait for others, then the one that came first.
    async fn list_held(
        &self,
        tenant: &Tenant,
        after: Option<ParkedPlace>,
        limit: usize,
    ) -> Result<Page<Held, ParkedPlace>>;

    /// Records that a message was tried in vain; it waits on. Does nothing when its state is no longer that of `tried`,
    /// because a person has flagged it meanwhile.
    async fn held_failed(&self, tried: Held, error: &str) -> Result<()>;

    /// Removes a message that waits, without an effect.
    async fn drop_held(&self, consumer: &str, id: HeldId) -> Result<()>;

    /// Every generation that was seen, by consumer, store and time.
    async fn inbox_generations(&self) -> Result<Vec<InboxGeneration>>;

    /// Gives the generation of a store the next number, for every consumer that has seen it; returns how many consumers
    /// had it waiting.
    async fn adopt_generation(&self, store_id: &str, generation: &str) -> Result<usize>;
}

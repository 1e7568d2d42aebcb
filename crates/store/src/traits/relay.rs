//! What the relay needs of a store: the whole log, a cursor without effects, and where it began.

use super::effect::Effect;
use super::effect_store::EffectStore;
use super::log::LogStore;
use crate::error::Result;
use crate::model::{
    Lease, Positions, RelayCommand, RelayNote, RelayStart, RelayState, ReplayProgress,
};
use async_trait::async_trait;
use waybill_domain::content::Personal;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::once::CommandClaim;
use waybill_domain::text::Tenant;

/// The rows of a consumer that owns none: it has no value, so there is no change with it. Such a consumer moves its
/// cursor, parks events and settles them without an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRows {}

impl Effect for NoRows {
    type Known = ();
}

/// The log as the relay reads it, and what the relay keeps.
#[async_trait]
pub trait RelayStore: EffectStore<NoRows> + LogStore {
    /// Events of a partition after a position, of every type, oldest first, without a hole. They end before the first
    /// one that cannot be read, for instance because its type is known only to a newer version.
    ///
    /// Fails with [`crate::Error::DamagedRow`] when the first event after the position cannot be read.
    async fn read_all(&self, partition: u16, after: i64, limit: usize) -> Result<Vec<LoggedEvent>>;

    /// The orders among these that have an event of a partition at or before a position.
    async fn orders_begun_by(
        &self,
        partition: u16,
        position: i64,
        orders: Vec<(Tenant, OrderId)>,
    ) -> Result<Vec<OrderId>>;

    /// The personal data of those of these orders that have any.
    ///
    /// Fails with [`crate::Error::DamagedRow`] when that of one cannot be read.
    async fn personal_of(&self, orders: Vec<OrderId>) -> Result<Vec<(OrderId, Personal)>>;

    /// Where the relay began in each partition. The first call stores what `start` asks for; later ones return what is
    /// stored.
    async fn relay_start(&self, start: RelayStart) -> Result<Positions>;

    /// What a person has asked of the relay, and what its processes have noted.
    async fn relay_state(&self) -> Result<RelayState>;

    /// Keeps what a person asks of the relay, for every process of the store; once per key.
    ///
    /// Fails with [`crate::Error::KeyUsed`] when a request with the same key was committed before.
    async fn command_relay(
        &self,
        tenant: &Tenant,
        command: RelayCommand,
        claim: Option<CommandClaim>,
    ) -> Result<()>;

    /// Keeps what a process of the relay notes.
    async fn note_relay(&self, note: RelayNote) -> Result<()>;

    /// Keeps how far a replay has come in the lease's partition.
    ///
    /// Fails with [`crate::Error::Fenced`] when another process has the lease.
    async fn note_replayed(&self, lease: &Lease, progress: ReplayProgress) -> Result<()>;

    /// How many keys have parked events of a consumer, by partition; partitions without any are left out.
    async fn parked_keys(&self, consumer: &str) -> Result<Vec<(u16, u64)>>;
}

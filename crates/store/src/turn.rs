//! A turn: what delivery, its timers and status do one after another in one transaction of a store that holds both
//! sides, each on the rows and the events that the one before it is about to write.

use crate::consume::Known;
use crate::error::Result;
use crate::model::{ConsumerBatch, DueTimers, Lease};
use crate::traits::Effect;
use async_trait::async_trait;
use waybill_domain::change::{Change, DeliveryEffect, OrderEffect};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;

/// What a turn does in a partition.
pub trait Turn: Send + 'static {
    /// What it may ask for. A store that other processes write too reads it before the turn is taken.
    fn needs(&self) -> TurnNeeds;

    /// Reads, decides and writes. It is called again when its transaction is repeated; only what came of the last call
    /// may be kept.
    ///
    /// # Errors
    /// What the rows answer; nothing of the turn is written then.
    fn take(&mut self, rows: &mut dyn TurnRows) -> Result<()>;
}

/// The rows that a turn may ask for.
#[derive(Debug, Default)]
pub struct TurnNeeds {
    pub partition: u16,
    /// Orders whose deliveries and shipments it may ask for.
    pub deliveries: Vec<OrderId>,
    /// Orders that it may ask for; those of due timers need not be among them.
    pub orders: Vec<OrderId>,
    /// How many due timers.
    pub timers: usize,
    /// The end of the log, if the turn has seen it: up to there it has taken every event that status wants.
    pub log_end: Option<i64>,
    /// The kinds of events that status wants.
    pub wanted_by_status: &'static [EventKind],
}

/// A store that holds both sides.
#[async_trait]
pub trait TurnStore: Send + Sync + 'static {
    /// Takes a turn and returns when it is durable. Where the turn put status' cursor past events that it appends
    /// itself, the cursor is so many positions further on: other processes may append between what a turn has read and
    /// what it writes.
    ///
    /// # Errors
    /// As [`crate::EffectStore::apply_batch`], and a conflict also where another process appended an event that status
    /// wants. Nothing of the turn is written then.
    async fn take_turn(&self, turn: Box<dyn Turn>) -> Result<i64>;
}

/// The rows of one owner within a turn.
pub trait OwnerRows<E: Effect> {
    /// The rows that a batch of a consumer is decided on: those of `needs`, and which of `keys` are parked.
    fn known(&mut self, consumer: &str, needs: &[OrderId], keys: Vec<OrderId>) -> Result<Known<E>>;

    /// Writes a consumer's effects and its cursor.
    fn write(&mut self, batch: ConsumerBatch<E>) -> Result<()>;
}

/// The transaction of a turn.
pub trait TurnRows: OwnerRows<DeliveryEffect> + OwnerRows<OrderEffect> {
    /// The events that this transaction appends, by this turn and before it, oldest first.
    fn appended(&self) -> &[LoggedEvent];

    /// Events of these kinds after a position, and the position looked up to, as [`crate::LogStore::read_log`], without
    /// those of this transaction. For a store that one process writes.
    fn read_log(
        &self,
        after: i64,
        limit: usize,
        kinds: &[EventKind],
    ) -> Result<(Vec<LoggedEvent>, i64)>;

    /// As [`crate::DeliveryStore::due_timers`], at most as many as were announced.
    fn due_timers(&self) -> Result<DueTimers>;

    /// Fails unless the timers' lease is still held, and writes changes that timers alone have caused.
    fn fire(&mut self, lease: &Lease, changes: Vec<Change<DeliveryEffect>>) -> Result<()>;
}

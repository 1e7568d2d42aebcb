//! What a consumer does with an event: the rows it has to know, and a pure decision.

use waybill_domain::change::Change;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::successive::Successive;
use waybill_store::{Effect, Known};

/// What a handler decides about an event.
pub enum EventOutcome<E> {
    Change(Box<Change<E>>),
    /// It has no effect: it came late, or does not concern this consumer.
    Nothing,
    /// It cannot be applied; its order is parked.
    Failed(String),
}

/// The consumer's part of a role. It does no I/O: the store loads what it needs and writes what it decides.
pub trait Handler: Send + Sync + 'static {
    /// The rows that it decides on and writes; no other owner's.
    type Effect: Effect + Successive;

    /// The consumer's name: cursor, lease, metrics.
    fn consumer(&self) -> &'static str;

    /// The kinds it wants; others only move the cursor.
    fn kinds(&self) -> &'static [EventKind];

    /// The orders whose rows these events are decided on.
    fn needs(&self, events: &[LoggedEvent]) -> Vec<OrderId>;

    /// The partition in which the rows of an order are recorded; `None` when there are none yet.
    fn partition(&self, order: OrderId, known: &Known<Self::Effect>) -> Option<u16>;

    /// One outcome per event, in order. Events of the same order build on each other.
    fn decide(
        &self,
        events: &[&LoggedEvent],
        known: &Known<Self::Effect>,
    ) -> Vec<EventOutcome<Self::Effect>>;

    /// Called after effects in a partition became durable.
    fn applied(&self, _part: u16) {}
}

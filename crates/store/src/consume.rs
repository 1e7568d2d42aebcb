//! One batch of a consumer: the rows it needs, a decision without I/O, and the changes to write.
//!
//! A store with one writer loads, decides and writes in one job, so no other write can come between. A shared store
//! loads first and writes under guards; a write in between is a conflict, and the batch is decided again.

use crate::model::{ConsumerBatch, NewParked};
use crate::traits::Effect;
use waybill_domain::ids::OrderId;

/// The rows on which a decision is made.
#[derive(Clone, Debug)]
pub struct Known<E: Effect> {
    /// The rows of the orders in [`BatchDecision::needs`]; orders without rows are left out.
    pub rows: Vec<E::Known>,
    /// Orders of the batch that are parked for the consumer: their events queue behind the parked one.
    pub parked: Vec<OrderId>,
}

/// What a batch has written.
#[derive(Clone, Debug)]
pub struct Consumed {
    /// The number of changes written.
    pub changes: usize,
    /// Events that were parked.
    pub parked: Vec<NewParked>,
}

impl Consumed {
    /// The changes that a decision wants to write.
    #[must_use]
    pub fn of<E>(decided: &ConsumerBatch<E>) -> Self {
        Self {
            changes: decided.changes.len(),
            parked: decided.park.clone(),
        }
    }
}

/// A batch of events and the pure decision about it. `decide` may be called more than once, because a transaction that
/// failed is repeated.
pub trait BatchDecision<E: Effect>: Send + Sync + 'static {
    /// The consumer's name.
    fn consumer(&self) -> &str;

    /// The orders whose rows are to be loaded.
    fn needs(&self) -> Vec<OrderId>;

    /// The orders whose events are in the batch; for an event of a stock row the row's id.
    fn order_ids(&self) -> Vec<OrderId>;

    /// Whether events of this consumer may be parked. When it is false, the store need not read the parked events.
    fn may_be_parked(&self) -> bool;

    /// Decides the changes to write, together with the cursor.
    fn decide(&self, known: &Known<E>) -> ConsumerBatch<E>;
}

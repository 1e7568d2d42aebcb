//! One batch of a consumer: the rows it has to know, a decision without I/O, and what the decision wants written.
//!
//! A store whose one writer holds everything loads, decides and writes in one job, so that no other write comes in
//! between. A shared store loads first and writes under guards; a write in between is a conflict, and the batch is
//! decided again.

use crate::model::{ConsumerBatch, NewParked};
use crate::traits::Effect;
use waybill_domain::ids::OrderId;

/// What a decision is made on.
#[derive(Clone, Debug)]
pub struct Known<E: Effect> {
    /// The rows that were asked for; those that do not exist are left out.
    pub rows: Vec<E::Known>,
    /// Orders of the batch that are parked for the consumer: their events queue behind the parked one.
    pub parked: Vec<OrderId>,
}

/// What was written for a batch.
#[derive(Clone, Debug)]
pub struct Consumed {
    /// The number of changes.
    pub changes: usize,
    /// Events that were parked.
    pub parked: Vec<NewParked>,
}

impl Consumed {
    /// What a decision wants written.
    #[must_use]
    pub fn of<E>(decided: &ConsumerBatch<E>) -> Self {
        Self {
            changes: decided.changes.len(),
            parked: decided.park.clone(),
        }
    }
}

/// A batch of events and the pure decision about it. It may be asked more than once: a transaction that failed is made
/// again.
pub trait BatchDecision<E: Effect>: Send + Sync + 'static {
    /// The consumer's name.
    fn consumer(&self) -> &str;

    /// The orders whose rows are to be loaded.
    fn needs(&self) -> Vec<OrderId>;

    /// The orders whose events are in the batch.
    fn order_ids(&self) -> Vec<OrderId>;

    /// Whether an order of this consumer may be parked. Where it is false, a store that would have to ask another row
    /// for it need not.
    fn may_be_parked(&self) -> bool;

    /// What is to be written, with the cursor.
    fn decide(&self, known: &Known<E>) -> ConsumerBatch<E>;
}

//! One batch of a consumer: the rows it has to know, a decision without I/O, and what the decision wants written.
//!
//! A store whose one writer holds everything loads, decides and writes in one job, so that no other write comes in
//! between. A shared store loads first and writes under guards; a write in between is a conflict, and the batch is
//! decided again.

use crate::model::{ConsumerBatch, DeliveryOf, NewParked};
use waybill_domain::ids::OrderId;
use waybill_domain::order::Order;

/// The rows that a decision is made on, named before it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Orders, their lines and open holds.
    pub orders: Vec<OrderId>,
    /// Orders whose delivery and shipments are needed.
    pub deliveries: Vec<OrderId>,
}

/// The rows that were asked for; those that do not exist are left out.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub orders: Vec<Order>,
    pub deliveries: Vec<DeliveryOf>,
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
    pub fn of(decided: &ConsumerBatch) -> Self {
        Self {
            changes: decided.changes.len(),
            parked: decided.park.clone(),
        }
    }
}

/// A batch of events and the pure decision about it. It may be asked more than once: a transaction that failed is made
/// again.
pub trait BatchDecision: Send + Sync + 'static {
    /// The consumer's name.
    fn consumer(&self) -> &str;

    /// The rows to load.
    fn needs(&self) -> Needs;

    /// The orders whose events are in the batch.
    fn order_ids(&self) -> Vec<OrderId>;

    /// Whether an order of this consumer may be parked. Where it is false, a store that would have to ask another row
    /// for it need not.
    fn may_be_parked(&self) -> bool;

    /// What is to be written, with the cursor.
    fn decide(&self, known: &Known) -> ConsumerBatch;
}

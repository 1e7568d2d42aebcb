//! Work for external services: leased, and its result.

use uuid::Uuid;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// A piece of work, leased.
#[derive(Clone, Debug)]
pub struct LeasedWork {
    pub id: Uuid,
    pub target: String,
    pub tenant: Tenant,
    pub order_id: Option<OrderId>,
    pub body: String,
    pub attempts: u32,
    /// How many of its earlier leases ended without a result, or with the result that nobody knows what was done.
    pub unanswered: u32,
    pub epoch: i64,
}

/// The result of a piece of work.
#[derive(Clone, Debug)]
pub enum WorkOutcome<E> {
    /// Done; the change that follows from it is written in the same transaction.
    Done(Option<Change<E>>),
    /// Failed; to be tried again at `due_at`.
    Again {
        error: String,
        due_at: Time,
        /// Whether it may have been done all the same.
        unanswered: bool,
    },
}

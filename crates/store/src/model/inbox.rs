//! Events that come from other stores: where they come from, and how far a consumer has got.

use super::log::NewParked;
use waybill_domain::change::Change;
use waybill_domain::content::Personal;
use waybill_domain::event::Aggregate;
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::Watermark;
use waybill_domain::time::Time;

/// A store as a consumer of its events knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxSource {
    /// The number under which the consumer's watermarks of this store are kept.
    pub id: i32,
    /// The number of the generation that was asked for; `None` while no operator has adopted it.
    pub generation: Option<i64>,
}

/// A generation of a store that sends events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxGeneration {
    pub consumer: String,
    pub store_id: String,
    pub generation: String,
    /// 1 for the first one, which needs no operator; `None` while it waits to be adopted.
    pub number: Option<i64>,
    pub seen_at: Time,
}

/// The watermark of an aggregate, before and after a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    pub aggregate: Aggregate,
    /// The watermark that the store must have now; `None` before the first event.
    pub from: Option<Watermark>,
    pub to: Watermark,
}

/// Events of one source as they are taken: their effects, and the watermarks that say that they were taken.
#[derive(Clone, Debug)]
pub struct InboxBatch<E> {
    pub consumer: String,
    /// [`InboxSource::id`].
    pub source: i32,
    /// The partition of this store in which the effects are recorded; every change has the same.
    pub partition: u16,
    /// One per aggregate.
    pub advances: Vec<Advance>,
    pub changes: Vec<Change<E>>,
    /// Events that could not be applied, and events of orders that are parked already, in the order of their arrival. The
    /// store chooses their positions.
    pub park: Vec<NewParked>,
    /// Personal data that came with events, also with those that are parked. An order keeps what came first.
    pub personal: Vec<(OrderId, Personal)>,
}

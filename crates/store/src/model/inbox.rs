//! Events that come from other stores: where they come from, and how far a consumer has got.

use super::log::NewParked;
use uuid::Uuid;
use waybill_domain::change::Change;
use waybill_domain::content::Personal;
use waybill_domain::event::Aggregate;
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::{HeldReason, Seen, Watermark};
use waybill_domain::parked::ParkedState;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;
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

/// An aggregate before and after a batch: its watermark, and how many of its events wait for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    pub aggregate: Aggregate,
    /// What the store must say now; `None` before the first event. It counts the events that wait, so an event that
    /// another process lets wait meanwhile is a conflict.
    pub from: Option<Seen>,
    pub to: Seen,
}

/// Events of one source as they are taken: their effects, and the watermarks that say that they were taken.
#[derive(Clone, Debug)]
pub struct InboxBatch<E> {
    pub consumer: String,
    /// [`InboxSource::id`].
    pub source: i32,
    /// The partition of this store in which the effects are recorded; every change has the same.
    pub partition: u16,
    /// One per aggregate; one that does not move guards the events of `hold`.
    pub advances: Vec<Advance>,
    /// Messages that wait from now on.
    pub hold: Vec<NewHeld>,
    /// Messages that waited and no longer do.
    pub release: Vec<HeldId>,
    /// Events without effect, because they were discarded here or at their sender.
    pub discarded: Vec<NewDiscard>,
    pub changes: Vec<Change<E>>,
    /// Events that could not be applied, and events of orders that are parked already, in the order of their arrival. The
    /// store chooses their positions.
    pub park: Vec<NewParked>,
    /// Personal data that came with events, also with those that are parked. An order keeps what came first.
    pub personal: Vec<(OrderId, Personal)>,
}

/// An event of another store that was discarded. It explains to the checker why its effect is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDiscard {
    pub key: OrderId,
    pub tenant: Tenant,
    /// The type of the event, as far as it is known.
    pub kind: &'static str,
}

/// What names a message that waits, beside its consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldId {
    /// The order's id; for an event of a stock row, or when none can be read, another id.
    pub key: OrderId,
    /// The event's id; for one that cannot be read an id made of its content.
    pub message: Uuid,
}

/// Where a message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldPlace {
    /// [`InboxSource::id`].
    pub source: i32,
    pub aggregate: Aggregate,
    pub at: Watermark,
}

/// A message of another store that is to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHeld {
    pub id: HeldId,
    pub tenant: Tenant,
    pub reason: HeldReason,
    /// Always there for a gap.
    pub place: Option<HeldPlace>,
    /// The whole message. The store does not read it.
    pub content: String,
    /// Why it waits, for people.
    pub error: String,
}

/// A message of another store that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub consumer: String,
    /// The partition whose process looks after it.
    pub partition: u16,
    pub message: NewHeld,
    /// Never [`ParkedState::Dead`].
    pub state: ParkedState,
    /// How often it was tried in vain since it came.
    pub attempts: u32,
    pub first_at: Time,
    pub last_at: Time,
}

impl Held {
    /// Its place in a list of dead letters.
    #[must_use]
    pub fn place(&self) -> ParkedPlace {
        ParkedPlace::of(&self.consumer, self.message.id.key)
    }
}

//! An event on its way to other stores, and the topic that carries it.

use uuid::Uuid;
use waybill_domain::content::Personal;
use waybill_domain::event::{AggregateKind, LoggedEvent};

/// The store that an event comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub store_id: String,
    /// New at every restore of the store.
    pub generation: String,
}

/// One event on its way to other stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub source: Source,
    pub event: LoggedEvent,
    /// Whether the event was discarded. A receiver then counts its `seq` as seen and does nothing else; id, aggregate
    /// and `seq` are those of the event.
    pub filler: bool,
    /// What delivery needs of the order's personal data, beside an event from which it makes shipments. It is read when
    /// the event is published, and is part of no event.
    pub personal: Option<Personal>,
}

impl Message {
    /// The topic, chosen by the event's aggregate: every event of an aggregate goes the same way.
    #[must_use]
    pub fn topic(&self) -> Topic {
        Topic::of(self.event.event.aggregate.kind)
    }

    /// What the message is ordered by: the order's id, for stock the aggregate's id.
    #[must_use]
    pub fn key(&self) -> Uuid {
        self.event.event.key()
    }
}

/// Where messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// `order.*`
    Orders,
    /// `shipment.*` and `delivery.*`
    Deliveries,
    /// `stock.*`
    Stock,
}

impl Topic {
    /// The topic of an aggregate's events.
    #[must_use]
    pub fn of(aggregate: AggregateKind) -> Self {
        match aggregate {
            AggregateKind::Order => Self::Orders,
            AggregateKind::Shipment | AggregateKind::Delivery => Self::Deliveries,
            AggregateKind::Stock => Self::Stock,
        }
    }
}

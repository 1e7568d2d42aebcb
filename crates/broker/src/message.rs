//! An event on its way to other stores, and the topic that carries it.

use std::sync::Arc;
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
    /// What distinguishes this sending from earlier ones of the event, for a broker that drops ids that it has seen: `None`
    /// for the lane's own, a text of its own for each try of a parked event and for each replay. Receivers need not know
    /// it.
    pub resend: Option<Arc<str>>,
}

impl Message {
    /// The topic, chosen by the event's aggregate: every event of an aggregate goes the same way.
    #[must_use]
    pub fn topic(&self) -> Topic {
        Topic::of(self.event.event.aggregate.kind)
    }

    /// An id for brokers that drop messages whose id they have seen: the event's id, with a suffix for each later sending.
    #[must_use]
    pub fn dedup_id(&self) -> String {
        let id = self.event.event.id;
        match &self.resend {
            None => id.to_string(),
            Some(resend) => format!("{id}.{resend}"),
        }
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

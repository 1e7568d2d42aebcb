//! What an event says, as far as older consumers want to know it.

use serde_json::value::RawValue;
use waybill_domain::content::Content;
use waybill_domain::event::body::{OrderStep, ShipmentStep};
use waybill_domain::event::{AggregateKind, EventKind, NewEvent};

/// The body of an event.
pub enum KnownBody {
    Created(Box<Content>),
    Order(OrderStep),
    Shipment(ShipmentStep),
    /// Nothing that older consumers know, or nothing that this version can read.
    Other,
    /// The event was discarded.
    Discarded,
}

impl KnownBody {
    pub fn of(event: &NewEvent) -> Self {
        let body = match (event.aggregate.kind, event.kind) {
            (_, EventKind::OrderCreated) => event.read_body().map(Self::Created),
            (AggregateKind::Order, _) => event.read_body().map(Self::Order),
            (AggregateKind::Shipment, _) => event.read_body().map(Self::Shipment),
            (AggregateKind::Delivery | AggregateKind::Stock, _) => Ok(Self::Other),
        };
        // The event itself travels under `data`, whatever older consumers get of it.
        body.unwrap_or(Self::Other)
    }

    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::Created(content) => Some(content),
            Self::Order(_) | Self::Shipment(_) | Self::Other | Self::Discarded => None,
        }
    }

    pub fn shipment(&self) -> Option<&ShipmentStep> {
        match self {
            Self::Shipment(step) => Some(step),
            Self::Created(_) | Self::Order(_) | Self::Other | Self::Discarded => None,
        }
    }
}

/// An amount as a JSON number with the digits that it has.
pub fn number(shown: impl std::fmt::Display) -> Box<RawValue> {
    RawValue::from_string(shown.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

//! A dead letter as `/v1` names and shows it: an event that a consumer has parked, or a message of another store that
//! waits in its inbox.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::HeldReason;
use waybill_domain::parked::ParkedState;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::time::Time;
use waybill_store::{FlaggedRow, Held, Identity, Parked};

use super::event_view::EventView;
use crate::consumers::inbox::{Described, described};

/// The first event of an order that a consumer could not apply, with later ones of that order behind it; or a message of
/// another store that cannot be taken yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub struct DeadLetterView<'a> {
    /// Its id.
    id: String,
    /// Who could not apply it.
    #[schema(example = "status")]
    consumer: &'a str,
    /// The order that waits behind it; null for stock, and for a message that does not say it.
    #[schema(value_type = Option<super::schemas::Id>)]
    order_id: Option<OrderId>,
    /// What had happened; null for a message that cannot be read.
    #[schema(value_type = Option<super::schemas::EventType>, example = "shipment.shipped")]
    event_type: Option<&'static str>,
    /// `waiting` for its next try or for other events, `dead`, or flagged `redrive` or `discard`.
    #[schema(value_type = super::schemas::DeadLetterState)]
    state: &'static str,
    /// Of a message of another store: why it waits. Null for an event that failed.
    #[schema(value_type = Option<super::schemas::HeldReason>)]
    reason: Option<&'static str>,
    /// Tries so far.
    attempts: u32,
    /// What the last try said.
    error: Option<&'a str>,
    /// The first try.
    #[schema(value_type = super::schemas::Timestamp)]
    first_at: Time,
    /// The last try.
    #[schema(value_type = super::schemas::Timestamp)]
    last_at: Time,
    /// The next try; null when there is none by itself.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    next_attempt_at: Option<Time>,
    /// The event, whole; null for a message that cannot be read, and when the stored event is damaged.
    event: Option<EventView<'a>>,
    /// Why the stored event cannot be read. Such an event can be discarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    damage: Option<&'a str>,
    /// The attributes of a message of another store (CloudEvents); null for an event that failed.
    attributes: Option<&'a BTreeMap<String, String>>,
}

/// A dead letter.
pub enum Letter {
    Parked(Parked),
    Held(Box<Held>, Described),
}

impl Letter {
    fn held(held: Held) -> Self {
        let described = described(&held.message.content);
        Self::Held(Box::new(held), described)
    }

    /// Its place in the list.
    pub fn place(&self) -> ParkedPlace {
        match self {
            Self::Parked(parked) => parked.place(),
            Self::Held(held, _) => held.place(),
        }
    }

    /// Shows a state that was asked for.
    pub fn flag(&mut self, state: ParkedState) {
        match self {
            Self::Parked(parked) => parked.state = state,
            Self::Held(held, _) => held.state = state,
        }
    }

    pub fn name(&self) -> Name {
        match self {
            Self::Parked(parked) => Name {
                consumer: parked.consumer.clone(),
                order: parked.key,
                row: FlaggedRow::Parked(parked.position),
            },
            Self::Held(held, _) => Name {
                consumer: held.consumer.clone(),
                order: held.message.id.key,
                row: FlaggedRow::Held(held.message.id.message),
            },
        }
    }

    pub fn view<'a>(&'a self, store: &Identity) -> DeadLetterView<'a> {
        let id = self.name().write();
        match self {
            Self::Parked(parked) => of_parked(id, store, parked),
            Self::Held(held, described) => of_held(id, store, held, described),
        }
    }
}

fn of_parked<'a>(id: String, store: &Identity, parked: &'a Parked) -> DeadLetterView<'a> {
    let waits = parked.state == ParkedState::Waiting;
    let event = parked.event.as_ref();
    DeadLetterView {
        id,
        consumer: &parked.consumer,
        order_id: event.ok().and_then(|logged| logged.event.order_id),
        event_type: event.ok().map(|logged| logged.event.kind.as_str()),
        state: parked.state.as_str(),
        reason: None,
        attempts: parked.attempts,
        error: parked.error.as_deref(),
        first_at: parked.first_at,
        last_at: parked.last_at,
        next_attempt_at: waits.then_some(parked.next_attempt_at),
        event: event
            .ok()
            .map(|logged| EventView::of_dead_letter(store, logged)),
        damage: event.err().map(|damaged| damaged.0.as_str()),
        attributes: None,
    }
}

fn of_held<'a>(
    id: String,
    store: &Identity,
    held: &'a Held,
    described: &'a Described,
) -> DeadLetterView<'a> {
    let event: Option<&LoggedEvent> = described.event.as_ref();
    // A message of which not even the place can be read has its own id as its key.
    let order = held.message.place.map(|_| held.message.id.key);
    DeadLetterView {
        id,
        consumer: &held.consumer,
        order_id: event.map_or(order, |event| event.event.order_id),
        event_type: event.map(|event| event.event.kind.as_str()),
        state: held.state.as_str(),
        reason: Some(held.message.reason.as_str()),
        attempts: held.attempts,
        error: Some(&held.message.error),
        first_at: held.first_at,
        last_at: held.last_at,
        next_attempt_at: None,
        // What is not wanted here is not shown: it may be another tenant's.
        event: event
            .filter(|_| held.message.reason == HeldReason::Gap)
            .map(|event| EventView::of_dead_letter(store, event)),
        damage: None,
        attributes: Some(&described.attributes),
    }
}

/// What names a dead letter: its consumer, what its queue is kept by, and its row.
#[derive(Debug, PartialEq, Eq)]
pub struct Name {
    pub consumer: String,
    /// The order; for an event of a stock row the row's id.
    pub order: OrderId,
    pub row: FlaggedRow,
}

impl Name {
    fn write(&self) -> String {
        let (consumer, order) = (&self.consumer, self.order);
        match self.row {
            FlaggedRow::Parked(position) => format!("{consumer}.{order}.{position}"),
            FlaggedRow::Held(message) => format!("{consumer}.{order}.{message}"),
        }
    }

    /// Reads what [`Letter::view`] shows as the id; `None` for any other text.
    pub fn read(text: &str) -> Option<Self> {
        let (rest, row) = text.rsplit_once('.')?;
        let (consumer, order) = rest.rsplit_once('.')?;
        let row = match row.parse() {
            Ok(position) => FlaggedRow::Parked(position),
            Err(_) => FlaggedRow::Held(Uuid::parse_str(row).ok()?),
        };
        Some(Self {
            consumer: consumer.to_owned(),
            order: OrderId::parse(order)?,
            row,
        })
    }
}

/// Parked events and messages that wait, both sorted by their places, as one list with one item per place. An event that
/// failed is shown before a message, which may wait for it.
pub fn merged(parked: Vec<Parked>, held: Vec<Held>) -> Vec<Letter> {
    let mut letters: BTreeMap<(String, OrderId), Letter> = BTreeMap::new();
    for held in held {
        let place = (held.consumer.clone(), held.message.id.key);
        letters.insert(place, Letter::held(held));
    }
    for parked in parked {
        let place = (parked.consumer.clone(), parked.key);
        letters.insert(place, Letter::Parked(parked));
    }
    letters.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_kinds_read_back_as_they_were_written() {
        let order = OrderId(Uuid::from_u128(7));
        for row in [FlaggedRow::Parked(12), FlaggedRow::Held(Uuid::from_u128(9))] {
            let consumer = "status-inbox".to_owned();
            let name = Name {
                consumer,
                order,
                row,
            };
            assert_eq!(Name::read(&name.write()), Some(name));
        }
        for bad in ["", "status", "status.7.1", "status-inbox..1"] {
            assert_eq!(Name::read(bad), None, "{bad}");
        }
    }
}

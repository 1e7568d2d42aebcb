//! Messages that cannot be read, or are not wanted: kept, listed, tried again or discarded. Later events of the aggregate
//! wait for them, as for any event that is missing.

use std::sync::Arc;

use waybill_broker::handover::{self, NotRead};
use waybill_broker::message::Message;
use waybill_broker::receiver::Received;
use waybill_broker::wire::{Fault, Place, RawMessage, Unreadable, decode, name};
use waybill_domain::context::EventMeta;
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::inbox::{
    Arrival, HeldReason, UNREADABLE_BYTES, UNREADABLE_OF_CONSUMER, Watermark, arrival,
};
use waybill_domain::parked::ParkedState;
use waybill_domain::partition;
use waybill_domain::text::Tenant;
use waybill_store::{Error as StoreError, Held, HeldId, HeldPlace, NewHeld};

use super::held::log;
use super::taking::Manner;
use super::{Inbox, KnownSource, content};
use crate::consumers::handler::Handler;
use crate::observe::inbox_figures::Handled;

/// Bytes of an attribute that is left out of a message whose attributes alone are too large.
const LONG: usize = 1_024;

impl<H: Handler> Inbox<H> {
    /// Keeps a message that cannot be read. One that was taken before is dropped.
    pub(super) async fn keep(&self, unreadable: Unreadable) -> Result<Received, StoreError> {
        let Unreadable { raw, fault, place } = unreadable;
        let place = match &place {
            None => None,
            Some(place) if self.is_own(&place.source) => return Ok(Received::Taken),
            Some(place) => match self.held_place(place).await? {
                Ok(Some(held)) => Some((OrderId(place.key), held)),
                Ok(None) => return Ok(Received::Taken),
                Err(why) => return Ok(Received::Later(why)),
            },
        };
        let consumer = self.name.consumer;
        let mut error = fault.to_string();
        if self.is_full().await? {
            let limit = format!(
                "{UNREADABLE_OF_CONSUMER} messages that cannot be taken are kept already, the most for one consumer: see waybill dlq list"
            );
            if let Fault::Refused(_) = fault {
                // Such messages may be as many as all others together, so they must not stop those.
                tracing::warn!(
                    consumer,
                    error,
                    limit,
                    "a message is not wanted, and is not kept; its sender's log has it"
                );
                return Ok(Received::Taken);
            }
            let why = format!("{error}; {limit}");
            self.full.failed(&StoreError::unavailable(why.clone()));
            return Ok(Received::Later(why));
        }
        let message = content::id_of(&content::write(&raw));
        let key = place.map_or(OrderId(message), |(key, _)| key);
        let tenant = self.tenant_of(&raw);
        let (raw, left_out) = kept_part(raw);
        error.push_str(&left_out);
        let partitions = self.resources.log.identity().partitions;
        tracing::warn!(consumer, %message, order_id = %key, tenant = tenant.as_str(), error, "a message cannot be taken; it is kept");
        let new = NewHeld {
            id: HeldId { key, message },
            tenant,
            reason: HeldReason::Unreadable,
            place: place.map(|(_, place)| place),
            content: content::write(&raw),
            error,
        };
        let partition = partition::of_order(key, partitions);
        self.sources.hold(consumer, partition, new).await?;
        let handled = Handled {
            unreadable: 1,
            ..Handled::default()
        };
        self.resources.metrics.inbox.count(consumer, handled);
        Ok(Received::Taken)
    }

    /// Where a message stands here; `None` when its event was taken before.
    async fn held_place(
        &self,
        place: &Place,
    ) -> Result<Result<Option<HeldPlace>, String>, StoreError> {
        let source = match self.known(&place.source).await? {
            Ok(source) => source,
            Err(why) => return Ok(Err(why)),
        };
        let at = Watermark {
            generation: source.generation,
            seq: place.seq,
        };
        let aggregates = vec![place.aggregate];
        let seen = self.sources.watermarks(source.id, aggregates).await?;
        let mark = seen.first().map(|(_, seen)| seen.mark);
        let is_new = arrival(mark, at) != Arrival::Duplicate;
        Ok(Ok(is_new.then_some(HeldPlace {
            source: source.id,
            aggregate: place.aggregate,
            at,
        })))
    }

    /// Whether as many messages are kept as may be.
    async fn is_full(&self) -> Result<bool, StoreError> {
        let limit = UNREADABLE_OF_CONSUMER as usize;
        let consumer = self.name.consumer;
        let kept = self
            .sources
            .count_held(consumer, HeldReason::Unreadable, limit);
        Ok(kept.await? >= limit)
    }

    /// The tenant in whose list a message stands: its own, if that can be read and is served here; otherwise the default
    /// one, whose people look after the store.
    fn tenant_of(&self, raw: &RawMessage) -> Tenant {
        let named = raw.attribute(name::TENANT);
        let tenant = named.and_then(|text| Tenant::parse(text).ok());
        let served = tenant.filter(|tenant| self.serves(tenant));
        served.unwrap_or_default()
    }

    /// Does what a person has asked for: reads the message again, or discards it.
    pub(super) async fn settle_unreadable(&self, held: &Held) -> Result<(), StoreError> {
        if held.state == ParkedState::Discard {
            return self.discard(held).await;
        }
        let Some(raw) = content::read(&held.message.content) else {
            let why = "the row in which it is kept is damaged";
            return self.not_settled(held, why).await;
        };
        let message = match handover::read(self, raw, false).await {
            Ok(message) => message,
            Err(NotRead::Later(why)) => return self.not_settled(held, &why).await,
            Err(NotRead::Unreadable(unreadable)) => {
                return self.not_settled(held, &unreadable.fault.to_string()).await;
            }
        };
        match self.known(&message.source).await? {
            Ok(source) => {
                let manner = Manner {
                    instead_of: Some(held.message.id),
                    ..Manner::TOGETHER
                };
                self.settle(held, source, &message, manner).await
            }
            Err(why) => self.not_settled(held, &why).await,
        }
    }

    /// Drops a message. If its place is known, its number counts as seen, so that the events behind it go on.
    pub(super) async fn discard(&self, held: &Held) -> Result<(), StoreError> {
        let consumer = self.name.consumer;
        let row = held.message.id;
        let Some((place, filler)) = held.message.place.zip(filler(held)) else {
            tracing::warn!(consumer, message = %row.message, "a message that cannot be read was discarded");
            return self.sources.drop_held(consumer, row).await;
        };
        log(held, &filler, "a message that cannot be read was discarded");
        let source = KnownSource {
            id: place.source,
            generation: place.at.generation,
        };
        let manner = Manner {
            instead_of: Some(row),
            give_up: held.message.reason == HeldReason::Gap,
            ..Manner::TOGETHER
        };
        self.take_alone(source, &filler, manner).await.map(drop)
    }
}

/// What is kept of a message, and how that differs from all of it, to be said after its error.
fn kept_part(mut raw: RawMessage) -> (RawMessage, String) {
    let size = raw.size();
    if size <= UNREADABLE_BYTES {
        return (raw, String::new());
    }
    raw.body.clear();
    if raw.size() > UNREADABLE_BYTES {
        raw.attributes.retain(|_, value| value.len() <= LONG);
    }
    let left_out = format!(
        "; its body is not kept, because it has {size} bytes and {UNREADABLE_BYTES} are kept of a message"
    );
    (raw, left_out)
}

/// A message without a body that takes the place of one that is discarded: its number counts as seen, and it has no
/// effect. `None` when its place cannot be read.
fn filler(held: &Held) -> Option<Message> {
    let raw = content::read(&held.message.content)?;
    let id = raw.attribute(name::ID).and_then(EventId::parse);
    let place = match decode(raw) {
        // Readable, and not wanted here.
        Ok(message) => {
            return Some(Message {
                filler: true,
                personal: None,
                ..message
            });
        }
        Err(unreadable) => unreadable.place?,
    };
    let is_stock = place.aggregate.kind == AggregateKind::Stock;
    let event = NewEvent {
        id: id.unwrap_or(EventId(held.message.id.message)),
        schema_version: SCHEMA_VERSION,
        kind: filler_kind(place.aggregate),
        aggregate: place.aggregate,
        seq: place.seq,
        order_id: (!is_stock).then_some(OrderId(place.key)),
        tenant: held.message.tenant.clone(),
        occurred_at: held.first_at,
        body: Arc::from("{}"),
        meta: EventMeta::default(),
    };
    Some(Message {
        source: place.source,
        filler: true,
        personal: None,
        resend: None,
        event: LoggedEvent {
            partition: 0,
            position: 0,
            recorded_at: held.first_at,
            event,
        },
    })
}

/// A kind of the aggregate's events. A filler is never decided, so any kind will do.
fn filler_kind(aggregate: Aggregate) -> EventKind {
    match aggregate.kind {
        AggregateKind::Order => EventKind::OrderNoteAdded,
        AggregateKind::Shipment => EventKind::ShipmentUpdated,
        AggregateKind::Delivery => EventKind::DeliveryCancelAgreed,
        AggregateKind::Stock => EventKind::StockAdjusted,
    }
}

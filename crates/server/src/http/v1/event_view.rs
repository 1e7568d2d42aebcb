//! An event as `/v1` shows it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use waybill_domain::delivery;
use waybill_domain::delivery_news;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::time::Time;
use waybill_store::{Identity, Positions};

use super::cursor::Cursor;
use super::event_data;

/// A fact. Those of one aggregate carry the sequence 1, 2, 3, … without a gap.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub struct EventView<'a> {
    /// Its id; the same event may be seen more than once.
    #[schema(value_type = super::schemas::Id)]
    id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(value_type = super::schemas::EventType, example = "order.confirmed")]
    kind: &'static str,
    /// What it belongs to.
    aggregate: AggregateView,
    /// 1, 2, 3, … within the aggregate.
    #[schema(minimum = 1)]
    sequence: i64,
    /// Goes on after this event.
    cursor: String,
    /// The order it is about; null for stock.
    #[schema(value_type = Option<super::schemas::Id>)]
    order_id: Option<OrderId>,
    /// When it happened.
    #[schema(value_type = super::schemas::Timestamp)]
    occurred_at: Time,
    /// When it was stored.
    #[schema(value_type = super::schemas::Timestamp)]
    recorded_at: Time,
    /// `client:…` or `system:…`.
    actor: &'a str,
    /// Why, if that was said.
    reason: Option<String>,
    /// Of `data`; it rises when a member changes its meaning.
    schema_version: i16,
    /// Of the request that caused it.
    correlation_id: Option<&'a str>,
    /// The trace of that request, as W3C Trace Context; null in events of steps that no request led to.
    #[schema(example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    traceparent: Option<&'a str>,
    /// The event that caused it.
    #[schema(value_type = Option<super::schemas::Id>)]
    causation_id: Option<EventId>,
    /// The fact itself; its members depend on the type. `null` in an event whose body was damaged.
    #[schema(value_type = Option<super::event_schemas::EventData>)]
    data: Cow<'a, RawValue>,
    /// There alone where the body was damaged, or holds metadata that not every client can read (it is null in `data`):
    /// the body as it is stored, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unreadable: Option<&'a str>,
}

/// What an event belongs to.
#[derive(Serialize, ToSchema)]
#[schema(as = Aggregate)]
struct AggregateView {
    /// Its kind.
    #[serde(rename = "type")]
    #[schema(value_type = super::schemas::AggregateType, example = "order")]
    kind: &'static str,
    /// Its id.
    #[schema(value_type = super::schemas::Id)]
    id: uuid::Uuid,
}

#[derive(serde::Deserialize)]
struct Reason {
    reason: Option<String>,
}

impl<'a> EventView<'a> {
    /// Shows an event. An event with an unreadable body is shown too, with the stored text: it must not hide the events
    /// around it, and the person who repairs it needs to see it.
    fn new(logged: &'a LoggedEvent, cursor: String) -> Self {
        let event = &logged.event;
        let read = serde_json::from_str(&event.body)
            .and_then(|Reason { reason }| Ok((reason, event_data::of(event)?)));
        let (reason, data, unreadable) = match read {
            Ok((reason, (data, true))) => (reason, data, None),
            Ok((reason, (data, false))) => (reason, data, Some(&*event.body)),
            Err(_) => (None, Cow::Borrowed(RawValue::NULL), Some(&*event.body)),
        };
        Self {
            id: event.id,
            kind: event.kind.as_str(),
            aggregate: AggregateView {
                kind: event.aggregate.kind.as_str(),
                id: event.aggregate.id,
            },
            sequence: event.seq,
            cursor,
            order_id: event.order_id,
            occurred_at: event.occurred_at,
            recorded_at: logged.recorded_at,
            actor: &event.meta.actor,
            reason,
            schema_version: event.schema_version,
            correlation_id: event.meta.correlation_id.as_deref(),
            traceparent: event.meta.traceparent.as_deref(),
            causation_id: event.meta.causation_id,
            data,
            unreadable,
        }
    }

    /// Shows an event of an order.
    pub fn of_order(store: &Identity, logged: &'a LoggedEvent) -> Self {
        Self::new(logged, Cursor::of_position(store, logged.position))
    }

    /// Shows the events of an archived order.
    pub fn of_archive(store: &Identity, events: &'a [LoggedEvent]) -> Vec<Self> {
        let view = |logged| Self::of_order(store, logged);
        events.iter().map(view).collect()
    }

    /// Shows an event that a consumer could not apply. Its body may be JSON and yet not say what its type demands.
    pub fn of_dead_letter(store: &Identity, logged: &'a LoggedEvent) -> Self {
        let mut view = Self::of_order(store, logged);
        let event = &logged.event;
        let is_read = delivery::parse(event).is_ok() && delivery_news::parse(event).is_ok();
        if !is_read {
            view.data = Cow::Borrowed(RawValue::NULL);
            view.unreadable = Some(&*event.body);
        }
        view
    }

    /// Shows events of the feed that come after a place in the log.
    pub fn of_feed(store: &Identity, mut after: Positions, events: &'a [LoggedEvent]) -> Vec<Self> {
        let view = |logged: &'a LoggedEvent| {
            after.move_to(logged.partition, logged.position);
            Self::new(logged, Cursor::of_positions(store, &after))
        };
        events.iter().map(view).collect()
    }
}

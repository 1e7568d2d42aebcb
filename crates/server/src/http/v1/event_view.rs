//! An event as `/v1` shows it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use waybill_domain::event::{LoggedEvent, SCHEMA_VERSION};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, Identity, Positions};

use super::cursor::Cursor;
use super::event_data;
use super::problem::Problem;

/// A fact. Those of one aggregate carry the sequence 1, 2, 3, … without a gap.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub struct EventView<'a> {
    #[schema(value_type = super::schemas::Id)]
    id: EventId,
    #[serde(rename = "type")]
    #[schema(example = "order.confirmed")]
    kind: &'static str,
    aggregate: AggregateView,
    sequence: i64,
    /// Goes on after this event.
    cursor: String,
    #[schema(value_type = Option<super::schemas::Id>)]
    order_id: Option<OrderId>,
    #[schema(value_type = super::schemas::Timestamp)]
    occurred_at: Time,
    #[schema(value_type = super::schemas::Timestamp)]
    recorded_at: Time,
    /// `client:…` or `system:…`.
    actor: &'a str,
    reason: Option<String>,
    schema_version: i64,
    correlation_id: Option<&'a str>,
    #[schema(value_type = Option<super::schemas::Id>)]
    causation_id: Option<EventId>,
    /// The fact itself; its members depend on the type.
    #[schema(value_type = Object)]
    data: Cow<'a, RawValue>,
}

/// What an event belongs to.
#[derive(Serialize, ToSchema)]
#[schema(as = Aggregate)]
struct AggregateView {
    #[serde(rename = "type")]
    #[schema(example = "order")]
    kind: &'static str,
    #[schema(value_type = super::schemas::Id)]
    id: uuid::Uuid,
}

#[derive(serde::Deserialize)]
struct Reason {
    reason: Option<String>,
}

impl<'a> EventView<'a> {
    /// Shows an event.
    ///
    /// # Errors
    /// Its body is no JSON, which cannot be.
    fn new(logged: &'a LoggedEvent, cursor: String) -> Result<Self, Problem> {
        let event = &logged.event;
        let corrupt = |error: serde_json::Error| StoreError::Corrupt {
            what: "an event's body",
            detail: error.to_string(),
        };
        let Reason { reason } = serde_json::from_str(&event.body).map_err(corrupt)?;
        Ok(Self {
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
            schema_version: SCHEMA_VERSION,
            correlation_id: event.meta.correlation_id.as_deref(),
            causation_id: event.meta.causation_id,
            data: event_data::of(event).map_err(corrupt)?,
        })
    }

    /// Shows an event of an order.
    ///
    /// # Errors
    /// As [`EventView::new`].
    pub fn of_order(store: &Identity, logged: &'a LoggedEvent) -> Result<Self, Problem> {
        Self::new(logged, Cursor::of_position(store, logged.position))
    }

    /// Shows events of the feed that come after a place in the log.
    ///
    /// # Errors
    /// As [`EventView::new`].
    pub fn of_feed(
        store: &Identity,
        mut after: Positions,
        events: &'a [LoggedEvent],
    ) -> Result<Vec<Self>, Problem> {
        let view = |logged: &'a LoggedEvent| {
            after.move_to(logged.part, logged.position);
            Self::new(logged, Cursor::of_positions(store, &after))
        };
        events.iter().map(view).collect()
    }
}

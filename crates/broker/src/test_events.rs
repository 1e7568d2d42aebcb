//! Events for the tests of this crate.

use std::ops::RangeInclusive;
use waybill_domain::context::EventMeta;
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::EventId;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// One event a position: `order.confirmed` at even ones, `order.created` at odd ones.
pub fn events(positions: RangeInclusive<i64>) -> Vec<LoggedEvent> {
    positions.map(event).collect()
}

fn event(position: i64) -> LoggedEvent {
    let id = uuid::Uuid::from_u128(position.unsigned_abs().into());
    let kind = if position % 2 == 0 {
        EventKind::OrderConfirmed
    } else {
        EventKind::OrderCreated
    };
    let event = NewEvent {
        id: EventId(id),
        schema_version: SCHEMA_VERSION,
        kind,
        aggregate: Aggregate {
            kind: AggregateKind::Order,
            id,
        },
        seq: 1,
        order_id: None,
        tenant: Tenant::default(),
        occurred_at: Time(0),
        body: "{}".into(),
        meta: EventMeta::default(),
    };
    LoggedEvent {
        partition: 0,
        position,
        recorded_at: Time(0),
        event,
    }
}

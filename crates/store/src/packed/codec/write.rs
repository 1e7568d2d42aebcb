//! Writes a row.

use super::super::bytes::{put_id, put_number, put_signed};
use super::super::kinds::{aggregate_number, number};
use super::super::text::{self, Ids};
use super::{FORM, USUAL_SCHEMA, flag, ids, of_order, request};
use uuid::Uuid;
use waybill_domain::context::EventMeta;
use waybill_domain::event::{Aggregate, NewEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::time::Time;

/// What an event is written in relation to: the row's columns, and the event before.
struct Before<'e> {
    order: Uuid,
    id: Uuid,
    at: Time,
    aggregate: Aggregate,
    meta: Option<&'e EventMeta>,
}

impl Before<'_> {
    fn first(order: Option<OrderId>, recorded_at: Time) -> Self {
        let order = order.map_or(Uuid::nil(), |order| order.0);
        Self {
            order,
            id: order,
            at: recorded_at,
            aggregate: of_order(order),
            meta: None,
        }
    }
}

/// Writes the events of a row, which are of one order and tenant.
#[must_use]
pub fn pack(events: &[&NewEvent], recorded_at: Time) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + events.len() * 64);
    out.push(FORM);
    put_number(&mut out, events.len() as u64);
    let order = events.first().and_then(|event| event.order_id);
    let mut before = Before::first(order, recorded_at);
    for (at, event) in events.iter().enumerate() {
        put_event(&mut out, event, &events[..at], &before);
        before = Before {
            order: before.order,
            id: event.id.0,
            at: event.occurred_at,
            aggregate: event.aggregate,
            meta: Some(&event.meta),
        };
    }
    out
}

fn put_event(out: &mut Vec<u8>, event: &NewEvent, earlier: &[&NewEvent], before: &Before<'_>) {
    let meta = &event.meta;
    let cause_here = meta.causation_id.and_then(|cause| {
        let found = earlier.iter().position(|event| event.id == cause);
        found.map(|at| at as u64)
    });
    let mut flags = 0;
    let mut set = |flag: u8, yes: bool| flags |= if yes { flag } else { 0 };
    let same = |of: fn(&EventMeta, &EventMeta) -> bool| before.meta.is_some_and(|b| of(b, meta));
    set(flag::SAME_ACTOR, same(|a, b| a.actor == b.actor));
    set(
        flag::SAME_CORRELATION,
        same(|a, b| a.correlation_id == b.correlation_id),
    );
    set(
        flag::SAME_TRACE,
        same(|a, b| a.traceparent == b.traceparent),
    );
    set(flag::CAUSE_HERE, cause_here.is_some());
    set(
        flag::CAUSE_ELSEWHERE,
        cause_here.is_none() && meta.causation_id.is_some(),
    );
    let same_aggregate = event.aggregate == before.aggregate;
    let other_aggregate = !same_aggregate && event.aggregate != of_order(before.order);
    set(flag::SAME_AGGREGATE, same_aggregate);
    set(flag::OTHER_AGGREGATE, other_aggregate);
    set(flag::OTHER_SCHEMA, event.schema_version != USUAL_SCHEMA);
    out.extend([number(event.kind), flags]);
    if !earlier.is_empty() {
        put_id(out, event.id.0, before.id);
    }
    put_signed(out, event.seq);
    put_signed(out, event.occurred_at.0.wrapping_sub(before.at.0));
    if flags & flag::OTHER_SCHEMA != 0 {
        put_signed(out, event.schema_version.into());
    }
    if other_aggregate {
        out.push(aggregate_number(event.aggregate.kind));
        put_id(out, event.aggregate.id, event.id.0);
    }
    if flags & flag::SAME_ACTOR == 0 {
        text::put(out, &meta.actor, Ids::NONE);
    }
    if flags & flag::SAME_CORRELATION == 0 {
        request::put_correlation(out, meta.correlation_id.as_deref());
    }
    if flags & flag::SAME_TRACE == 0 {
        request::put_trace(out, meta.traceparent.as_deref());
    }
    match (cause_here, meta.causation_id) {
        (Some(at), _) => put_number(out, at),
        (None, Some(cause)) => put_id(out, cause.0, event.id.0),
        (None, None) => {}
    }
    text::put(out, &event.body, ids(before.order, event.aggregate));
}

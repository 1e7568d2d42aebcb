//! How values are encoded into text columns; the same in both drivers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use waybill_domain::context::EventMeta;
use waybill_domain::event::{Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent};
use waybill_domain::ids::{EventId, HoldId, OrderId};
use waybill_domain::intake::Birth;
use waybill_domain::order::Order;
use waybill_domain::quantities::Quantities;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::time::Time;

/// Lists of strings and numbers.
pub fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("lists of strings and numbers always serialize")
}

/// What a person wrote about a hold or a cancellation, among the personal data. Both are kept as the kind `hold_note`,
/// with a nil hold id for the cancellation: an older binary can read the order, and finds no such hold.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    hold_id: HoldId,
    note: String,
}

impl Note {
    pub fn of_hold(hold_id: HoldId, note: &str) -> Self {
        let note = note.to_owned();
        Self { hold_id, note }
    }

    pub fn of_cancellation(reason: &str) -> Self {
        Self::of_hold(HoldId(Uuid::nil()), reason)
    }

    /// Puts it where it belongs on the order; the newest one of a cancellation stays.
    pub fn put_on(self, order: &mut Order) {
        if self.hold_id.0.is_nil() {
            order.cancel_reason = Some(self.note);
        } else if let Some(hold) = order.holds.iter_mut().find(|h| h.id == self.hold_id) {
            hold.note = Some(self.note);
        }
    }
}

/// How a birth is kept: JSON with short names, since every order has one.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredBirth {
    s: OrderStatus,
    v: i64,
    l: Vec<(Option<Vendor>, Quantities)>,
}

/// Writes it.
pub fn write_birth(birth: &Birth) -> String {
    let stored = StoredBirth {
        s: birth.status,
        v: birth.version,
        l: birth.lines.clone(),
    };
    serde_json::to_string(&stored).expect("strings, numbers and lists of them always serialize")
}

/// Reads it back.
pub fn read_birth(text: &str) -> Option<Birth> {
    let stored: StoredBirth = serde_json::from_str(text).ok()?;
    Some(Birth {
        status: stored.s,
        version: stored.v,
        lines: stored.l,
    })
}

/// The whole event, so that the log may forget it.
#[derive(Serialize, Deserialize)]
struct Envelope {
    /// Stored under its older name.
    #[serde(rename = "part")]
    partition: u16,
    position: i64,
    recorded_at: i64,
    id: EventId,
    kind: EventKind,
    stream: AggregateKind,
    aggregate: Uuid,
    seq: i64,
    order_id: Option<OrderId>,
    tenant: Tenant,
    occurred_at: i64,
    body: String,
    meta: EventMeta,
}

/// Writes an event whole.
pub fn write_envelope(event: &LoggedEvent) -> String {
    let e = &event.event;
    let envelope = Envelope {
        partition: event.partition,
        position: event.position,
        recorded_at: event.recorded_at.0,
        id: e.id,
        kind: e.kind,
        stream: e.aggregate.kind,
        aggregate: e.aggregate.id,
        seq: e.seq,
        order_id: e.order_id,
        tenant: e.tenant.clone(),
        occurred_at: e.occurred_at.0,
        body: e.body.to_string(),
        meta: e.meta.clone(),
    };
    serde_json::to_string(&envelope).expect("strings, numbers and lists of them always serialize")
}

/// Reads it back.
pub fn read_envelope(text: &str) -> Option<LoggedEvent> {
    let e: Envelope = serde_json::from_str(text).ok()?;
    let event = NewEvent {
        id: e.id,
        kind: e.kind,
        aggregate: Aggregate {
            kind: e.stream,
            id: e.aggregate,
        },
        seq: e.seq,
        order_id: e.order_id,
        tenant: e.tenant,
        occurred_at: Time(e.occurred_at),
        body: e.body.into(),
        meta: e.meta,
    };
    Some(LoggedEvent {
        partition: e.partition,
        position: e.position,
        recorded_at: Time(e.recorded_at),
        event,
    })
}

/// The queue that a parked event waits in: its order's, or for an event without an order (of a stock row) its
/// aggregate's.
pub fn queue(event: &NewEvent) -> OrderId {
    event.order_id.unwrap_or(OrderId(event.aggregate.id))
}

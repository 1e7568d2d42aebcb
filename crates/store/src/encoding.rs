//! How values are encoded in text columns; the same in both drivers.

use crate::error::{Error, Result};
use crate::model::DamagedEnvelope;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use std::borrow::Cow;
use uuid::Uuid;
use waybill_domain::content::Personal;
use waybill_domain::context::EventMeta;
use waybill_domain::event::body::{self, ShipmentLine};
use waybill_domain::event::{Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent};
use waybill_domain::ids::{EventId, HoldId, OrderId, ShipmentId};
use waybill_domain::intake::Birth;
use waybill_domain::order::Order;
use waybill_domain::quantities::Quantities;
use waybill_domain::shipment::{ShipmentCopy, ShipmentStatus};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::time::Time;

/// Order statuses as the list of an `IN` in SQL: `'shipped', 'delivered'`.
pub fn status_list(statuses: impl Iterator<Item = OrderStatus>) -> String {
    let quoted: Vec<String> = statuses.map(|status| format!("'{status}'")).collect();
    quoted.join(", ")
}

/// The statuses of orders that are done, as [`status_list`].
pub fn terminal_statuses() -> String {
    let all = OrderStatus::ALL.iter().copied();
    status_list(all.filter(|status| status.is_terminal()))
}

/// Lists of strings and numbers.
pub fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("lists of strings and numbers always serialize")
}

/// Reads an order's personal data.
///
/// # Errors
/// [`Error::DamagedRow`], which quotes nothing of it.
pub fn read_personal(order: OrderId, text: &str) -> Result<Personal> {
    // No cause: the parser's error may quote the text.
    let damaged = |_| {
        Error::damaged_row(
            "order_personal",
            format!("order {order}: data is no JSON of this form"),
        )
    };
    serde_json::from_str(text).map_err(damaged)
}

/// A person's note about a hold or a cancellation, stored with the personal data. Both have the kind `hold_note`; a
/// cancellation's has a nil hold id, so that an older binary can read the order and finds no hold of that id.
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

    /// Puts the note on the order's hold or cancellation. Of several notes of a cancellation the newest one counts.
    pub fn put_on(self, order: &mut Order) {
        if self.hold_id.0.is_nil() {
            order.cancel_reason = Some(self.note);
        } else if let Some(hold) = order.holds.iter_mut().find(|h| h.id == self.hold_id) {
            hold.note = Some(self.note);
        }
    }
}

/// The stored form of a birth: JSON with short names, because every order has one.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredBirth {
    s: OrderStatus,
    v: i64,
    l: Vec<(Option<Vendor>, Quantities)>,
    /// Line, vendor and units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    p: Vec<(u16, Vendor, i64)>,
    /// Lists filter by it in SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<Cow<'static, str>>,
}

/// Encodes a birth.
pub fn write_birth(birth: &Birth) -> String {
    let stored = StoredBirth {
        s: birth.status,
        v: birth.version,
        l: birth.lines.clone(),
        p: birth
            .splits
            .iter()
            .map(|(line, of)| (*line, of.vendor.clone(), of.quantity))
            .collect(),
        d: birth.dialect.clone(),
    };
    serde_json::to_string(&stored).expect("strings, numbers and lists of them always serialize")
}

/// Decodes the stored form; `None` when the text is invalid.
pub fn read_birth(text: &str) -> Option<Birth> {
    let stored: StoredBirth = serde_json::from_str(text).ok()?;
    Some(Birth {
        status: stored.s,
        version: stored.v,
        lines: stored.l,
        splits: stored
            .p
            .into_iter()
            .map(|(line, vendor, quantity)| (line, body::Source { vendor, quantity }))
            .collect(),
        dialect: stored.d,
    })
}

/// The stored form of an order's copy of a shipment: JSON with short names, because every order that ships has one and
/// its row is rewritten at each step. Migration 7 writes the same form from the rows of shipments.
#[derive(Serialize, Deserialize)]
struct StoredCopy {
    i: ShipmentId,
    v: Vendor,
    a: u16,
    s: ShipmentStatus,
    n: i64,
    o: i64,
    /// Line and quantity.
    l: Vec<(u16, i64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<String>,
    m: i64,
    u: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<i64>,
}

/// Writes an order's copies of its shipments.
pub fn write_copies(copies: &[ShipmentCopy]) -> String {
    let stored = |copy: &ShipmentCopy| StoredCopy {
        i: copy.id,
        v: copy.vendor.clone(),
        a: copy.attempt,
        s: copy.status,
        n: copy.version,
        o: copy.shown_in,
        l: copy.lines.iter().map(|l| (l.line, l.quantity)).collect(),
        t: copy.tracking_number.clone(),
        c: copy.carrier.clone(),
        m: copy.created_at.0,
        u: copy.updated_at.0,
        x: copy.shipped_at.map(|t| t.0),
        d: copy.delivered_at.map(|t| t.0),
    };
    json(&copies.iter().map(stored).collect::<Vec<_>>())
}

/// Decodes the stored form; `None` when the text is invalid.
pub fn read_copies(text: &str) -> Option<Vec<ShipmentCopy>> {
    let stored: Vec<StoredCopy> = serde_json::from_str(text).ok()?;
    let copy = |stored: StoredCopy| ShipmentCopy {
        id: stored.i,
        vendor: stored.v,
        attempt: stored.a,
        status: stored.s,
        version: stored.n,
        shown_in: stored.o,
        lines: stored
            .l
            .into_iter()
            .map(|(line, quantity)| ShipmentLine { line, quantity })
            .collect(),
        tracking_number: stored.t,
        carrier: stored.c,
        created_at: Time(stored.m),
        updated_at: Time(stored.u),
        shipped_at: stored.x.map(Time),
        delivered_at: stored.d.map(Time),
    };
    Some(stored.into_iter().map(copy).collect())
}

/// The stored form of a parked event: the whole event, so that retention may delete it from the log.
#[derive(Serialize, Deserialize)]
struct Envelope {
    /// Stored under its earlier name.
    #[serde(rename = "part")]
    partition: u16,
    position: i64,
    recorded_at: i64,
    id: EventId,
    /// Missing in rows of earlier versions, whose bodies have the first one.
    #[serde(default = "first_schema_version")]
    schema_version: i16,
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

fn first_schema_version() -> i16 {
    1
}

/// Encodes a whole event.
pub fn write_envelope(event: &LoggedEvent) -> String {
    let e = &event.event;
    let envelope = Envelope {
        partition: event.partition,
        position: event.position,
        recorded_at: event.recorded_at.0,
        id: e.id,
        schema_version: e.schema_version,
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

/// Decodes the stored form. The reason of a failure quotes nothing of the text, which may hold personal data.
pub fn read_envelope(text: &str) -> std::result::Result<LoggedEvent, DamagedEnvelope> {
    let e: Envelope = serde_json::from_str(text).map_err(|error| {
        let what = match error.classify() {
            Category::Data => "it lacks a field, or has one that this version does not know",
            Category::Eof => "it is cut off",
            Category::Io | Category::Syntax => "it is not JSON",
        };
        DamagedEnvelope(format!("{what} (at byte {})", error.column()))
    })?;
    let event = NewEvent {
        id: e.id,
        schema_version: e.schema_version,
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
    Ok(LoggedEvent {
        partition: e.partition,
        position: e.position,
        recorded_at: Time(e.recorded_at),
        event,
    })
}

/// The queue of a parked event. The column is named for the order; for an event of a stock row it has the row's id.
pub fn queue(event: &NewEvent) -> OrderId {
    OrderId(event.key())
}

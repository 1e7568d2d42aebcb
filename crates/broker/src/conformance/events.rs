//! Messages for the suite.

use crate::message::{Message, Source};
use serde_json::json;
use uuid::Uuid;
use waybill_domain::context::EventMeta;
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// The event of this number of an order; its body has a member of `padding` bytes.
#[must_use]
pub fn message(order: u128, seq: i64, padding: usize) -> Message {
    let id = Uuid::from_u128(order);
    let event = (order << 32) | u128::from(seq.unsigned_abs());
    let body = json!({"status": "confirmed", "padding": "x".repeat(padding)}).to_string();
    Message {
        source: Source {
            store_id: "suite".into(),
            generation: "g1".into(),
        },
        filler: false,
        personal: None,
        resend: None,
        event: LoggedEvent {
            partition: 0,
            position: 0,
            recorded_at: Time(1_000_000),
            event: NewEvent {
                id: EventId(Uuid::from_u128(event)),
                kind: EventKind::OrderNoteAdded,
                aggregate: Aggregate {
                    kind: AggregateKind::Order,
                    id,
                },
                seq,
                order_id: Some(OrderId(id)),
                schema_version: SCHEMA_VERSION,
                tenant: Tenant::default(),
                occurred_at: Time(1_000_000),
                body: body.into(),
                meta: EventMeta::default(),
            },
        },
    }
}

/// Events 1 to `length` of each of the orders 1 to `orders`, one order after another at each number.
#[must_use]
pub fn chain(orders: u128, length: i64) -> Vec<Message> {
    let numbers = 1..=length;
    numbers
        .flat_map(|seq| (1..=orders).map(move |order| message(order, seq, 0)))
        .collect()
}

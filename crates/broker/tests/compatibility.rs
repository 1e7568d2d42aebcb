//! Messages of earlier versions are read, and what their readers know is still written.
//!
//! `messages/*.json` holds what was published, for each broker. A member may be added; one that is missing, or has
//! another value, fails here. `WAYBILL_UPDATE_DOCS=1 cargo test -p waybill-broker --test compatibility` writes the
//! files anew: only for new members and new messages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use uuid::Uuid;
use waybill_broker::message::{Message, Source};
use waybill_broker::wire::{RawMessage, Shape, decode, encode};
use waybill_domain::context::EventMeta;
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

const ORDER: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0007);
const SHIPMENT: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0008);
const STOCK: Uuid = Uuid::from_u128(9);

/// One message of each form.
fn messages() -> Vec<Message> {
    let created = json!({"status": "pending", "number": "WB-000001", "currency": "EUR", "total": 2_580,
        "customerId": "customer-1", "taxIncluded": true,
        "lines": [{"sku": "MUG-1", "quantity": 2, "unitPrice": 12_900_000}]});
    let confirmed = json!({"status": "confirmed", "previousStatus": "pending",
        "lines": [{"id": "1", "sku": "MUG-1", "vendor": "local", "ordered": 2, "reserved": 2}]});
    let shipped = json!({"status": "shipped", "previousStatus": "processing"});
    let step = json!({"shipmentId": SHIPMENT, "orderId": ORDER, "vendor": "local", "attempt": 1,
        "status": "shipped", "previousStatus": "processing", "trackingNumber": "T-1",
        "carrier": "sim", "lines": [{"line": "1", "quantity": 2}]});
    let agreed = json!({ "orderId": ORDER });
    let adjusted =
        json!({"sku": "MUG-1", "vendor": "local", "delta": 5, "onHand": 105, "reason": "recount"});
    let order = AggregateKind::Order;
    let mut filler = message(order, EventKind::OrderHoldPlaced, 4, &json!({}));
    filler.filler = true;
    vec![
        message(order, EventKind::OrderCreated, 1, &created),
        message(order, EventKind::OrderConfirmed, 2, &confirmed),
        message(order, EventKind::OrderShipped, 3, &shipped),
        filler,
        message(
            AggregateKind::Shipment,
            EventKind::ShipmentShipped,
            2,
            &step,
        ),
        message(
            AggregateKind::Delivery,
            EventKind::DeliveryCancelAgreed,
            1,
            &agreed,
        ),
        message(AggregateKind::Stock, EventKind::StockAdjusted, 7, &adjusted),
    ]
}

fn message(aggregate: AggregateKind, kind: EventKind, seq: i64, body: &Value) -> Message {
    let (id, order_id) = match aggregate {
        AggregateKind::Stock => (STOCK, None),
        AggregateKind::Order | AggregateKind::Delivery => (ORDER, Some(OrderId(ORDER))),
        AggregateKind::Shipment => (SHIPMENT, Some(OrderId(ORDER))),
    };
    let event = NewEvent {
        id: EventId(Uuid::from_u128(
            0x0198_0000_0000_7000_8000_0000_0000_0100 + u128::from(kind as u8),
        )),
        kind,
        aggregate: Aggregate {
            kind: aggregate,
            id,
        },
        seq,
        order_id,
        schema_version: SCHEMA_VERSION,
        tenant: Tenant::parse("shop").expect("a tenant"),
        occurred_at: Time(1_780_000_000_000_000),
        body: body.to_string().into(),
        meta: EventMeta {
            actor: "client:shop".into(),
            correlation_id: Some("req-1".into()),
            causation_id: Some(EventId(Uuid::from_u128(2))),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        },
    };
    Message {
        source: Source {
            store_id: "0198-store".into(),
            generation: "0198-generation".into(),
        },
        event: LoggedEvent {
            partition: 0,
            position: 0,
            recorded_at: Time(1_780_000_000_100_000),
            event,
        },
        filler: false,
        personal: None,
        resend: None,
    }
}

fn shown(raw: &RawMessage) -> Value {
    let body: Value = serde_json::from_slice(&raw.body).expect("a JSON body");
    json!({"attributes": raw.attributes, "body": body})
}

fn stored(value: &Value) -> RawMessage {
    let attributes: BTreeMap<String, String> =
        serde_json::from_value(value["attributes"].clone()).expect("attributes");
    RawMessage {
        attributes,
        body: value["body"].to_string().into_bytes(),
    }
}

fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/messages");
    folder.join(format!("{name}.json"))
}

/// What a reader of the old message misses in the new one.
fn missing(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, old) in old {
                let path = format!("{path}.{name}");
                match new.get(name) {
                    Some(new) => missing(&path, old, new, found),
                    None => found.push(format!("{path} is gone")),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                missing(&format!("{path}[{index}]"), old, new, found);
            }
        }
        (old, new) if old == new => {}
        (old, new) => found.push(format!("{path} was {old} and is {new}")),
    }
}

#[test]
fn messages_of_earlier_versions_are_read_and_their_members_still_written() {
    for (name, shape) in [
        ("kafka", Shape::Kafka),
        ("rabbitmq", Shape::RabbitMq),
        ("sqs", Shape::Sqs),
    ] {
        let (messages, path) = (messages(), file(name));
        let today: Vec<Value> = messages.iter().map(|m| shown(&encode(m, shape))).collect();
        if std::env::var_os("WAYBILL_UPDATE_DOCS").is_some() {
            let text = serde_json::to_string_pretty(&today).expect("JSON");
            std::fs::write(&path, text + "\n").expect("it can be written");
        }
        let text = std::fs::read_to_string(&path).expect("the file is in the repository");
        let before: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(before.len(), today.len(), "{name}: a message is missing");
        for ((old, new), message) in before.iter().zip(&today).zip(&messages) {
            let mut found = vec![];
            missing(message.event.event.kind.as_str(), old, new, &mut found);
            assert_eq!(found, Vec::<String>::new(), "{name}");
            let read = decode(stored(old)).expect("an old message can be read");
            let body = |m: &Message| -> Value {
                serde_json::from_str(&m.event.event.body).expect("a JSON body")
            };
            assert_eq!(body(&read), body(message), "{name}");
            let mut read = read;
            read.event.event.body = message.event.event.body.clone();
            assert_eq!(read, *message, "{name}");
        }
    }
}

#[test]
fn a_member_that_is_gone_or_changed_is_found() {
    let old = json!({"a": 1, "b": [{"c": "x"}]});
    let mut found = vec![];
    missing(
        "m",
        &old,
        &json!({"b": [{"c": "y", "d": 1}], "e": 2}),
        &mut found,
    );
    assert_eq!(found, ["m.a is gone", "m.b[0].c was \"x\" and is \"y\""]);
    found.clear();
    missing(
        "m",
        &old,
        &json!({"a": 1, "b": [{"c": "x", "d": 0}]}),
        &mut found,
    );
    assert!(found.is_empty());
}

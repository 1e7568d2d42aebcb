//! What is written is read again; what an older consumer reads stands beside it; what cannot be read is said.

use super::*;
use crate::message::Source;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;
use waybill_domain::content::{Address, Personal};
use waybill_domain::context::EventMeta;
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

const SHAPES: [Shape; 3] = [Shape::Kafka, Shape::RabbitMq, Shape::Sqs];
const ORDER: Uuid = Uuid::from_u128(7);

fn message(kind: EventKind, aggregate: AggregateKind, body: &Value) -> Message {
    let (id, order_id) = match aggregate {
        AggregateKind::Order => (ORDER, Some(OrderId(ORDER))),
        AggregateKind::Stock => (Uuid::from_u128(9), None),
        AggregateKind::Shipment | AggregateKind::Delivery => {
            (Uuid::from_u128(8), Some(OrderId(ORDER)))
        }
    };
    Message {
        source: Source {
            store_id: "s1".into(),
            generation: "g1".into(),
        },
        filler: false,
        resend: None,
        personal: None,
        event: LoggedEvent {
            partition: 0,
            position: 0,
            recorded_at: Time(2_000_000),
            event: NewEvent {
                id: EventId(Uuid::from_u128(1)),
                schema_version: SCHEMA_VERSION,
                kind,
                aggregate: Aggregate {
                    kind: aggregate,
                    id,
                },
                seq: 3,
                order_id,
                tenant: Tenant::parse("shop-2").expect("a tenant"),
                occurred_at: Time(1_000_000),
                body: body.to_string().into(),
                meta: EventMeta {
                    actor: "system:delivery".into(),
                    correlation_id: Some("c-1".into()),
                    causation_id: Some(EventId(Uuid::from_u128(2))),
                    traceparent: Some(
                        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
                    ),
                },
            },
        },
    }
}

fn created() -> Message {
    let body = json!({"status": "pending", "number": "WB-1", "currency": "USD", "total": 3_998,
        "customerId": "c 1", "lines": [{"sku": "MUG-1", "quantity": 2, "unitPrice": 19_990_000}]});
    message(EventKind::OrderCreated, AggregateKind::Order, &body)
}

fn shipped() -> Message {
    let body = json!({"shipmentId": Uuid::from_u128(8), "orderId": ORDER, "vendor": "local",
        "attempt": 1, "status": "shipped", "previousStatus": "processing", "trackingNumber": "T1",
        "carrier": "DHL", "lines": [{"line": "1", "quantity": 2}]});
    message(EventKind::ShipmentShipped, AggregateKind::Shipment, &body)
}

fn body_of(message: &Message, shape: Shape) -> Value {
    serde_json::from_slice(&encode(message, shape).body).expect("JSON")
}

fn fault_of(change: impl FnOnce(&mut RawMessage)) -> (Fault, bool) {
    let mut raw = encode(&created(), Shape::Sqs);
    change(&mut raw);
    let unreadable = decode(raw).expect_err("it cannot be read");
    (unreadable.fault, unreadable.place.is_some())
}

fn set(raw: &mut RawMessage, name: &str, value: &str) {
    raw.attributes.insert(name.into(), value.into());
}

#[test]
fn what_is_written_is_read_again_in_every_shape() {
    let stock = json!({"sku": "A", "vendor": "local", "delta": 1, "onHand": 2});
    let stock = message(EventKind::StockAdjusted, AggregateKind::Stock, &stock);
    for message in [created(), shipped(), stock] {
        for shape in SHAPES {
            let raw = encode(&message, shape);
            assert_eq!(decode(raw), Ok(message.clone()), "{shape:?}");
        }
    }
}

#[test]
fn a_filler_has_the_place_of_its_event_and_nothing_of_its_body() {
    for shape in SHAPES {
        let mut filler = Message {
            filler: true,
            ..created()
        };
        let raw = encode(&filler, shape);
        let text = String::from_utf8(raw.body.clone()).expect("text");
        assert!(!text.contains("MUG-1"), "{text}");
        filler.event.event.body = Arc::from("{}");
        assert_eq!(decode(raw), Ok(filler));
    }
}

#[test]
fn a_later_version_may_say_more_and_what_is_wrong_shows_no_personal_data() {
    let body = json!({"status": "confirmed", "lines": []});
    let confirmed = message(EventKind::OrderConfirmed, AggregateKind::Order, &body);
    let mut raw = encode(&confirmed, Shape::Sqs);
    let with = |personal: Value| json!({"data": body, "personal": personal}).to_string();
    raw.body = with(json!({"shippingAddress": {"name": "A. Muster", "floor": 3}})).into_bytes();
    let read = decode(raw.clone()).expect("it can be read");
    let address = read.personal.and_then(|personal| personal.shipping_address);
    assert_eq!(
        address.and_then(|address| address.name).as_deref(),
        Some("A. Muster")
    );
    raw.body = with(json!({"shippingAddress": "A. Muster"})).into_bytes();
    let fault = decode(raw).expect_err("it is of another type").fault;
    assert!(!format!("{fault} {fault:?}").contains("Muster"), "{fault}");
    assert!(fault.to_string().contains("line 1 column"), "{fault}");
}

#[test]
fn personal_data_travels_beside_the_event_and_shows_nowhere_else() {
    let body = json!({"status": "confirmed", "lines": []});
    let mut confirmed = message(EventKind::OrderConfirmed, AggregateKind::Order, &body);
    let address = Address {
        name: Some("A. Muster".into()),
        ..Address::default()
    };
    confirmed.personal = Some(Personal {
        shipping_address: Some(address),
        ..Personal::default()
    });
    for shape in SHAPES {
        let raw = encode(&confirmed, shape);
        let attributes = format!("{:?}", raw.attributes);
        assert!(!attributes.contains("Muster"), "{attributes}");
        let without = encode_without_data(&confirmed, shape, "https://orders/v1/events/1");
        let fault = decode(without.clone()).expect_err("it has no data").fault;
        assert!(matches!(fault, Fault::Damaged(_)), "{fault}");
        let read = decode_without_data(without).expect("the rest can be read");
        assert_eq!(read.personal, confirmed.personal);
        assert_eq!(&*read.event.event.body, "{}");
        let read = decode(raw).expect("it can be read");
        assert_eq!(read, confirmed);
        let data = &read.event.event.body;
        assert!(!data.contains("Muster"), "{data}");
        assert!(!format!("{read:?}").contains("Muster"));
        let filler = Message {
            filler: true,
            ..confirmed.clone()
        };
        let text = String::from_utf8(encode(&filler, shape).body).expect("text");
        assert!(!text.contains("Muster"), "{text}");
    }
    let mut raw = encode(&confirmed, Shape::Kafka);
    raw.body = br#"{"data": {}, "personal": 7}"#.to_vec();
    let fault = decode(raw).expect_err("it is damaged").fault;
    assert_eq!(fault.code(), "damaged");
}

#[test]
fn consumers_of_the_older_systems_find_their_fields() {
    let kafka = body_of(&created(), Shape::Kafka);
    assert_eq!(kafka["eventType"], "order.created");
    assert_eq!(kafka["orderId"], json!(ORDER));
    assert_eq!(kafka["timestamp"], "1970-01-01T00:00:01Z");
    assert_eq!(
        kafka["items"],
        json!([{"productId": "MUG-1", "quantity": 2, "price": 19.99}])
    );
    let sqs = body_of(&created(), Shape::Sqs);
    let items = json!([{"product_id": "MUG-1", "quantity": 2, "unit_price": 19.99}]);
    assert_eq!(
        (&sqs["eventType"], &sqs["items"]),
        (&json!("ORDER_CREATED"), &items)
    );
    assert_eq!(
        (&sqs["customerId"], &sqs["totalAmount"]),
        (&json!("c 1"), &json!(39.98))
    );
    let update = body_of(&shipped(), Shape::Sqs);
    let expected = json!({"eventType": "ORDER_STATUS_UPDATE", "previousStatus": "PROCESSING",
        "currentStatus": "SHIPPED", "trackingNumber": "T1", "carrier": "DHL", "orderId": ORDER});
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&update[field], value, "{field}");
    }
    let rabbitmq = body_of(&created(), Shape::RabbitMq);
    let expected = json!({"id": ORDER, "customerId": "c 1", "status": "pending", "total": 39.98,
        "items": [{"sku": "MUG-1", "quantity": 2}]});
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&rabbitmq[field], value, "{field}");
    }
}

#[test]
fn without_its_data_a_message_says_where_the_event_is() {
    let raw = encode_without_data(&created(), Shape::Sqs, "https://orders/v1/events/1");
    assert_eq!(
        raw.attribute(name::DATAREF),
        Some("https://orders/v1/events/1")
    );
    let body: Value = serde_json::from_slice(&raw.body).expect("JSON");
    assert!(body.get("data").is_none() && body.get("items").is_none());
    assert_eq!(body["orderId"], json!(ORDER));
}

#[test]
fn each_fault_is_told_apart_and_the_place_is_kept_while_it_can_be_read() {
    let (fault, place) = fault_of(|raw| raw.attributes.clear());
    assert_eq!((fault.code(), place), ("not_a_cloud_event", false));
    let (fault, place) = fault_of(|raw| set(raw, name::TYPE, "order.teleported"));
    assert_eq!(
        (fault, place),
        (Fault::UnknownType("order.teleported".into()), true)
    );
    let (fault, place) = fault_of(|raw| set(raw, name::SCHEMA_VERSION, "2"));
    assert_eq!((fault, place), (Fault::FutureSchema(2), true));
    let (fault, place) = fault_of(|raw| raw.body = b"{\"data\":3}".to_vec());
    assert_eq!((fault.code(), place), ("damaged", true));
    let (fault, place) = fault_of(|raw| raw.body.truncate(9));
    assert_eq!((fault.code(), place), ("damaged", true));
    for (attribute, value) in [
        (name::SEQUENCE, "0"),
        (name::SEQUENCE, "x"),
        (name::SOURCE, "/waybill/s1"),
        (name::SOURCE, "/waybill/s1/g/h"),
        (name::AGGREGATE, "order/7"),
        (name::SUBJECT, ""),
    ] {
        let (fault, place) = fault_of(|raw| set(raw, attribute, value));
        let found = (fault.code(), place);
        assert_eq!(found, ("damaged", false), "{attribute}: {value}");
    }
    let (fault, place) = fault_of(|raw| set(raw, name::SUBJECT, &Uuid::nil().to_string()));
    assert_eq!((fault.code(), place), ("damaged", true));
}

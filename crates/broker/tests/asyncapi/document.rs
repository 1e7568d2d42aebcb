//! The AsyncAPI document (version 3.0), made of encoded messages.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use waybill_broker::message::{Message, Topic};
use waybill_broker::wire::{Shape, encode, encode_without_data};
use waybill_domain::event::EventKind;

use crate::samples::Form;
use crate::{schema, words};

pub const SHAPES: [(&str, Shape); 3] = [
    ("kafka", Shape::Kafka),
    ("rabbitmq", Shape::RabbitMq),
    ("sqs", Shape::Sqs),
];

/// The whole document.
pub fn document() -> Value {
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    let mut schemas = Map::new();
    schemas.insert("attributes".into(), attributes());
    for form in Form::ALL {
        schemas.insert(form.name().into(), data(form));
    }
    for (broker, shape) in SHAPES {
        for topic in Topic::ALL {
            let (name, address) = (
                format!("{broker}.{}", topic_name(topic)),
                address(broker, topic),
            );
            let forms = Form::ALL
                .into_iter()
                .filter(|form| Topic::of(form.aggregate()) == topic);
            let mut carried = Map::new();
            for form in forms {
                let message = format!("{broker}.{}", form.name());
                let there = json!({"$ref": format!("#/components/messages/{message}")});
                carried.insert(form.name().into(), there);
                messages.insert(message, message_of(form, shape));
            }
            let servers = json!([{"$ref": format!("#/servers/{broker}")}]);
            channels.insert(
                name.clone(),
                json!({"address": address, "servers": servers, "messages": carried}),
            );
            operations.insert(
                format!("publish.{name}"),
                json!({"action": "send", "channel": {"$ref": format!("#/channels/{name}")}}),
            );
        }
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waybill's events",
            "version": "1.0.0",
            "description": "What Waybill publishes to a message broker: every event of its orders, shipments and stock, at least once, in order per order. CloudEvents 1.0 in binary mode; docs/events.md says how to read them.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {"host": "localhost:9092", "protocol": "kafka"},
            "rabbitmq": {"host": "localhost:5672", "protocol": "amqp"},
            "sqs": {"host": "localhost:9324", "protocol": "sqs"},
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    })
}

fn topic_name(topic: Topic) -> &'static str {
    match topic {
        Topic::Orders => "orders",
        Topic::Deliveries => "deliveries",
        Topic::Stock => "stock",
    }
}

/// What a topic is called at a broker.
pub fn address(broker: &str, topic: Topic) -> String {
    match broker {
        "kafka" => topic.kafka().into(),
        "rabbitmq" => topic.rabbitmq().into(),
        _ => format!("{}.fifo", topic.sqs()),
    }
}

/// All that the log can hold and the relay can send of a form: with all members, with few, discarded, too large.
fn variants(form: Form, shape: Shape) -> Vec<(Message, Value)> {
    let body = |raw: waybill_broker::wire::RawMessage| -> Value {
        serde_json::from_slice(&raw.body).expect("a JSON body")
    };
    let [full, least] = form.samples();
    let mut filler = least.clone();
    filler.filler = true;
    let too_large = encode_without_data(&least, shape, "http://localhost/v1/events/1");
    vec![
        (full.clone(), body(encode(&full, shape))),
        (least.clone(), body(encode(&least, shape))),
        (filler.clone(), body(encode(&filler, shape))),
        (least, body(too_large)),
    ]
}

fn message_of(form: Form, shape: Shape) -> Value {
    let variants = variants(form, shape);
    let bodies: Vec<&Value> = variants.iter().map(|(_, body)| body).collect();
    // The event's own members are described once, whatever broker carries it.
    let payload = {
        let mut payload = schema::of(
            &without_data(&bodies).iter().collect::<Vec<_>>(),
            "",
            &mut words::of_body,
        );
        payload["properties"]["data"] =
            json!({"$ref": format!("#/components/schemas/{}", form.name())});
        payload
    };
    let kinds: Vec<&str> = form.kinds().map(EventKind::as_str).collect();
    json!({
        "name": form.name(),
        "title": kinds.join(", "),
        "headers": {"allOf": [
            {"$ref": "#/components/schemas/attributes"},
            {"type": "object", "properties": {"type": {"type": "string", "enum": kinds}}},
        ]},
        "payload": payload,
        "examples": [{"payload": bodies[0]}],
    })
}

fn without_data(bodies: &[&Value]) -> Vec<Value> {
    let bare = |body: &&Value| {
        let mut body = (*body).clone();
        body.as_object_mut().expect("an object").remove("data");
        body
    };
    bodies.iter().map(bare).collect()
}

/// The schema of `data` of a form.
fn data(form: Form) -> Value {
    let of = |message: Message| -> Value {
        serde_json::from_str(&message.event.event.body).expect("a JSON body")
    };
    let [full, least] = form.samples().map(of);
    schema::of(&[&full, &least], "", &mut |path| words::of_data(form, path))
}

/// The schema of the headers. Which of them are always there is read off the messages.
fn attributes() -> Value {
    let mut always: Option<BTreeSet<String>> = None;
    let mut seen = BTreeSet::new();
    for form in Form::ALL {
        let [full, least] = form.samples();
        let mut filler = least.clone();
        filler.filler = true;
        let raws = [
            encode(&full, Shape::Kafka),
            encode(&least, Shape::Kafka),
            encode(&filler, Shape::Kafka),
            encode_without_data(&least, Shape::Kafka, "http://localhost/v1/events/1"),
        ];
        for raw in raws {
            let names: BTreeSet<String> = raw.attributes.into_keys().collect();
            always = Some(match always {
                Some(always) => &always & &names,
                None => names.clone(),
            });
            seen.extend(names);
        }
    }
    let described: BTreeSet<String> = words::ATTRIBUTES.map(|(name, _)| name.to_owned()).into();
    assert_eq!(
        seen, described,
        "words.rs describes each attribute that is written"
    );
    let mut properties = Map::new();
    for (name, text) in words::ATTRIBUTES {
        properties.insert(name.into(), json!({"type": "string", "description": text}));
    }
    json!({
        "type": "object",
        "description": "Attributes of CloudEvents. At Kafka their names begin with ce_, and at RabbitMQ with cloudEvents_.",
        "properties": properties,
        "required": always,
    })
}

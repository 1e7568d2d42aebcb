//! A message's attributes at RabbitMQ: headers whose names begin with `cloudEvents_`, and the property `content-type`.
//!
//! Source: AMQP Protocol Binding for CloudEvents 1.0.2, sections 3.1.1 and 3.1.3.1. It allows `cloudEvents:` as well
//! and recommends the underscore; both are read.

use crate::wire::{RawMessage, name};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use std::collections::BTreeMap;

const PREFIXES: [&str; 2] = ["cloudEvents_", "cloudEvents:"];

/// The header of a dead letter that says why it is one.
const REASON: &str = "deadletterreason";
/// Bytes of a reason that are kept.
const REASON_BYTES: usize = 1_000;

/// Bytes that a message's attributes may have: all headers travel in one frame, of 128 KiB at RabbitMQ.
pub const ATTRIBUTE_BYTES: usize = 100_000;

/// `delivery-mode` of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// The properties of a message.
pub fn write(raw: &RawMessage) -> BasicProperties {
    let mut headers = FieldTable::default();
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    for (name, value) in &raw.attributes {
        let short = lapin::types::ShortString::try_new(value.as_str());
        match (name.as_str(), short) {
            (name::CONTENT_TYPE, Ok(value)) => properties = properties.with_content_type(value),
            (name::ID, Ok(id)) => {
                properties = properties.with_message_id(id);
                set(&mut headers, name, value);
            }
            _ => set(&mut headers, name, value),
        }
    }
    properties.with_headers(headers)
}

/// An attribute whose name is too long for a header is left out; ours are not.
fn set(headers: &mut FieldTable, name: &str, value: &str) {
    let name = format!("{}{name}", PREFIXES[0]);
    if let Ok(name) = lapin::types::ShortString::try_new(name) {
        headers.insert(name, AMQPValue::LongString(value.into()));
    }
}

/// The message that was delivered. Headers of others that are no attributes are left out.
pub fn read(properties: &BasicProperties, body: &[u8]) -> RawMessage {
    let mut attributes = BTreeMap::new();
    let headers = properties.headers().iter().flatten();
    for (header, value) in headers {
        let name = PREFIXES
            .iter()
            .find_map(|p| header.as_str().strip_prefix(p));
        if let (Some(name), Some(value)) = (name, shown(value)) {
            attributes.insert(name.to_owned(), value);
        }
    }
    if let Some(content_type) = properties.content_type() {
        attributes.insert(name::CONTENT_TYPE.into(), content_type.to_string());
    }
    RawMessage {
        attributes,
        body: body.to_vec(),
    }
}

/// The properties of a message's copy in a dead-letter queue.
pub fn dead_letter(of: &BasicProperties, why: &str) -> BasicProperties {
    let mut headers = of.headers().clone().unwrap_or_default();
    let end = (0..=why.len().min(REASON_BYTES)).rev();
    let end = end.into_iter().find(|end| why.is_char_boundary(*end));
    let why = &why[..end.unwrap_or_default()];
    headers.insert(REASON.into(), AMQPValue::LongString(why.into()));
    let mut copy = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    if let Some(content_type) = of.content_type() {
        copy = copy.with_content_type(content_type.clone());
    }
    if let Some(id) = of.message_id() {
        copy = copy.with_message_id(id.clone());
    }
    copy
}

/// An attribute's value as text: clients of other languages send numbers and truth values as such.
fn shown(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::Boolean(value) => Some(value.to_string()),
        AMQPValue::ShortInt(number) => Some(number.to_string()),
        AMQPValue::LongInt(number) => Some(number.to_string()),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawMessage {
        let attributes = [
            (name::ID, "7"),
            (name::TYPE, "order.created"),
            (name::CONTENT_TYPE, "application/json"),
            (name::ACTOR, ""),
        ];
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        RawMessage {
            attributes: attributes.into(),
            body: b"{}".to_vec(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let raw = raw();
        let properties = write(&raw);
        assert_eq!(read(&properties, &raw.body), raw);
        assert_eq!(*properties.delivery_mode(), Some(PERSISTENT));
        let headers = properties.headers().clone().expect("it has headers");
        assert!(headers.contains_key("cloudEvents_type"));
        assert!(!headers.contains_key("cloudEvents_datacontenttype"));
    }

    #[test]
    fn attributes_of_other_clients_are_read_and_their_own_headers_are_not() {
        let mut headers = FieldTable::default();
        headers.insert("cloudEvents:sequence".into(), AMQPValue::LongInt(3));
        headers.insert("id".into(), AMQPValue::LongString("x".into()));
        let properties = BasicProperties::default().with_headers(headers);
        let found = read(&properties, b"");
        assert_eq!(found.attribute(name::SEQUENCE), Some("3"));
        assert_eq!(found.attributes.len(), 1);
    }

    #[test]
    fn a_dead_letter_keeps_its_headers_and_says_why() {
        let why = "ä".repeat(REASON_BYTES);
        let copy = dead_letter(&write(&raw()), &why);
        let headers = copy.headers().clone().expect("it has headers");
        let reason = headers.inner().get(REASON).and_then(shown);
        assert_eq!(reason, Some("ä".repeat(REASON_BYTES / 2)));
        assert_eq!(read(&copy, b"{}"), raw());
    }
}

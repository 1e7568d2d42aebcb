//! A message's attributes at SQS, which allows ten: nine by their names, the others together as a JSON object.

use crate::wire::{RawMessage, name};
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher};

/// The attribute that holds those without a place of their own.
const OTHERS: &str = "attributes";

/// Those that readers choose messages by.
const OWN: [&str; 9] = [
    name::ID,
    name::SOURCE,
    name::TYPE,
    name::TIME,
    name::SUBJECT,
    name::AGGREGATE,
    name::SEQUENCE,
    name::SCHEMA_VERSION,
    name::TRACEPARENT,
];

/// What SQS counts for an attribute's type, `String`.
const TYPE_BYTES: usize = 6;

/// Attributes and body as SQS takes them.
pub struct Written {
    pub attributes: HashMap<String, MessageAttributeValue>,
    pub body: String,
    /// Bytes that count towards the limit of a message.
    pub size: usize,
}

/// Writes a message.
///
/// # Errors
/// The client library refuses an attribute.
pub fn write(raw: &RawMessage) -> Result<Written, BuildError> {
    let mut attributes = HashMap::new();
    let mut others = BTreeMap::new();
    let mut size = 0;
    let mut set = |name: &str, value: String| -> Result<(), BuildError> {
        size += name.len() + value.len() + TYPE_BYTES;
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build()?;
        attributes.insert(name.to_owned(), value);
        Ok(())
    };
    for (name, value) in &raw.attributes {
        if OWN.contains(&name.as_str()) && !value.is_empty() {
            set(name, allowed(value))?;
        } else {
            others.insert(name, value);
        }
    }
    if !others.is_empty() {
        let others = serde_json::to_string(&others).unwrap_or_default();
        set(OTHERS, allowed(&others))?;
    }
    let body = allowed(&String::from_utf8_lossy(&raw.body));
    size += body.len();
    Ok(Written {
        attributes,
        body,
        size,
    })
}

/// Reads a message. One that others sent has no attributes, or some of its own.
pub fn read(message: &Message) -> RawMessage {
    let mut attributes = BTreeMap::new();
    for (name, value) in message.message_attributes.iter().flatten() {
        let Some(value) = value.string_value() else {
            continue;
        };
        if name == OTHERS
            && let Ok(others) = serde_json::from_str::<BTreeMap<String, String>>(value)
        {
            attributes.extend(others);
        } else {
            attributes.insert(name.clone(), value.to_owned());
        }
    }
    RawMessage {
        attributes,
        body: message.body().unwrap_or_default().as_bytes().to_vec(),
    }
}

/// A deduplication id for a message that has no id of its own: the same for the same body.
pub fn digest(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("body-{:016x}", hasher.finish())
}

/// SQS refuses the two characters that XML does not know; in JSON text they can be written as escapes. The control
/// characters below a space are escaped in JSON already.
fn allowed(text: &str) -> String {
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        text.replace('\u{fffe}', "\\ufffe")
            .replace('\u{ffff}', "\\uffff")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_ten_attributes_are_written_and_all_are_read_again() {
        let mut raw = RawMessage {
            attributes: BTreeMap::new(),
            body: "{\"data\":{\"note\":\"\u{fffe}\"}}".into(),
        };
        for name in OWN.into_iter().chain(["actor", "tenant", "correlationid"]) {
            raw.attributes
                .insert(name.into(), format!("{name} \u{ffff}"));
        }
        raw.attributes.insert("empty".into(), String::new());
        let written = write(&raw).expect("it can be written");
        assert_eq!(written.attributes.len(), 10);
        assert!(!written.body.contains('\u{fffe}'));
        let message = Message::builder()
            .body(written.body)
            .set_message_attributes(Some(written.attributes))
            .build();
        let read = read(&message);
        assert_eq!(read.attribute("actor"), Some("actor \u{ffff}"));
        assert_eq!(read.attribute("empty"), Some(""));
        assert_eq!(read.attributes.len(), raw.attributes.len());
        let body: serde_json::Value = serde_json::from_slice(&read.body).expect("JSON");
        assert_eq!(body["data"]["note"], "\u{fffe}");
    }
}

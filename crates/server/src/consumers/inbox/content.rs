//! A message of another store as it is kept while it waits: as it travels, so that nothing of it is lost.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;
use waybill_broker::message::Message;
use waybill_broker::wire::{Fault, RawMessage, Shape, decode, encode};
use waybill_domain::event::{Aggregate, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::{HeldReason, Watermark};
use waybill_store::{HeldId, HeldPlace, NewHeld};

#[derive(Serialize, Deserialize)]
struct Content {
    attributes: BTreeMap<String, String>,
    body: Body,
}

/// A body that is no text is kept as base64.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Text(String),
    Base64(String),
}

/// Writes a message as it is kept.
pub(super) fn write(raw: &RawMessage) -> String {
    let body = match std::str::from_utf8(&raw.body) {
        // PostgreSQL takes no NUL in text.
        Ok(text) if !text.contains('\0') => Body::Text(text.to_owned()),
        Ok(_) | Err(_) => Body::Base64(STANDARD.encode(&raw.body)),
    };
    let content = Content {
        attributes: raw.attributes.clone(),
        body,
    };
    // A NUL in an attribute is escaped by JSON.
    serde_json::to_string(&content).expect("strings and maps of them always serialize")
}

/// Reads what [`write()`] has written; `None` for any other text.
pub(super) fn read(content: &str) -> Option<RawMessage> {
    let content: Content = serde_json::from_str(content).ok()?;
    let body = match content.body {
        Body::Text(text) => text.into_bytes(),
        Body::Base64(text) => STANDARD.decode(text).ok()?,
    };
    Some(RawMessage {
        attributes: content.attributes,
        body,
    })
}

/// The message in a content.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn message(content: &str) -> Result<Message, Fault> {
    let damaged = || Fault::Damaged("the row in which it is kept".into());
    let raw = read(content).ok_or_else(damaged)?;
    decode(raw).map_err(|unreadable| unreadable.fault)
}

/// An event that is to wait for others.
pub(super) fn gap(source: i32, aggregate: Aggregate, at: Watermark, message: &Message) -> NewHeld {
    let event = &message.event.event;
    NewHeld {
        id: HeldId {
            key: OrderId(event.key()),
            message: event.id.0,
        },
        tenant: event.tenant.clone(),
        reason: HeldReason::Gap,
        place: Some(HeldPlace {
            source,
            aggregate,
            at,
        }),
        // All shapes hold the same event.
        content: write(&encode(message, Shape::Kafka)),
        error: format!(
            "events of {} {} before number {} have not come yet",
            aggregate.kind, aggregate.id, at.seq
        ),
    }
}

/// An id made of a message's content: the same message that comes again has the same one.
pub(super) fn id_of(content: &str) -> Uuid {
    let hash: [u8; 32] = Sha256::digest(content).into();
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    Uuid::from_bytes(first)
}

/// What a list of dead letters shows of a message that waits. Its attributes hold nothing personal.
#[derive(Debug, Default)]
pub struct Described {
    pub attributes: BTreeMap<String, String>,
    /// `None` when it cannot be read.
    pub event: Option<LoggedEvent>,
}

/// Describes a message as far as it can be read.
#[must_use]
pub fn described(content: &str) -> Described {
    let Some(raw) = read(content) else {
        return Described::default();
    };
    Described {
        attributes: raw.attributes.clone(),
        event: decode(raw).ok().map(|message| message.event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumers::inbox::tests::noted;

    #[test]
    fn a_message_is_kept_as_it_travels() {
        let mut raw = encode(&noted(1, 3), Shape::Sqs);
        for body in [&b"{}"[..], b"", b"\xff\0", b"text\0"] {
            raw.body = body.to_vec();
            let written = write(&raw);
            assert!(!written.contains('\0'), "{written}");
            assert_eq!(read(&written), Some(raw.clone()));
        }
        assert_eq!(read("{}"), None);
        raw.attributes.insert("a".into(), "\0".into());
        assert!(!write(&raw).contains('\0'));
    }

    #[test]
    fn the_same_message_has_the_same_id() {
        assert_eq!(id_of("a"), id_of("a"));
        assert_ne!(id_of("a"), id_of("b"));
    }

    #[test]
    fn an_event_that_waits_is_the_same_when_it_is_read() {
        let message = noted(7, 3);
        let at = Watermark {
            generation: 1,
            seq: 3,
        };
        let held = gap(1, message.event.event.aggregate, at, &message);
        let read = self::message(&held.content).expect("it can be read");
        assert_eq!(read.event.event, message.event.event);
        assert_eq!(held.id.key.0, message.key());
    }
}

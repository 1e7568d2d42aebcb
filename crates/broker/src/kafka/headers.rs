//! A message's attributes as headers of a record, by the Kafka protocol binding of CloudEvents in binary mode.

use crate::wire::{PREFIX_KAFKA, RawMessage, name};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const CONTENT_TYPE: &str = "content-type";

/// Bytes that a record needs besides names, values and body, for each header and for the record, at most.
const PER_HEADER: usize = 8;
const PER_RECORD: usize = 128;

/// The header of an attribute.
fn header(attribute: &str) -> String {
    if attribute == name::CONTENT_TYPE {
        CONTENT_TYPE.to_owned()
    } else {
        format!("{PREFIX_KAFKA}{attribute}")
    }
}

/// The attribute of a header; `None` for a header that has nothing to do with CloudEvents.
fn attribute(header: &str) -> Option<&str> {
    if header.eq_ignore_ascii_case(CONTENT_TYPE) {
        Some(name::CONTENT_TYPE)
    } else {
        header.strip_prefix(PREFIX_KAFKA)
    }
}

/// The headers of a message.
pub fn of(raw: &RawMessage) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(raw.attributes.len());
    raw.attributes
        .iter()
        .fold(headers, |headers, (name, value)| {
            with(headers, &header(name), value)
        })
}

/// The headers and one more, which is no attribute.
pub fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    let value = Some(value.as_bytes());
    headers.insert(Header { key, value })
}

/// Bytes of a message as a record.
pub fn size(raw: &RawMessage) -> usize {
    let headers = raw.attributes.len() * (PREFIX_KAFKA.len() + PER_HEADER);
    raw.size() + headers + PER_RECORD
}

/// Reads a record. One that others sent has no attributes, or some of its own.
pub fn read(record: &BorrowedMessage<'_>) -> RawMessage {
    // The client library panics at a header whose name is not UTF-8. Without headers the message cannot be read, and
    // is kept with its body.
    let attributes = catch_unwind(AssertUnwindSafe(|| attributes(record)));
    RawMessage {
        attributes: attributes.unwrap_or_default(),
        body: record.payload().unwrap_or_default().to_vec(),
    }
}

fn attributes(record: &BorrowedMessage<'_>) -> BTreeMap<String, String> {
    let headers = record.headers().map(Headers::iter);
    let headers = headers.into_iter().flatten();
    let attributes = headers.filter_map(|Header { key, value }| {
        let value = String::from_utf8_lossy(value.unwrap_or_default());
        Some((attribute(key)?.to_owned(), value.into_owned()))
    });
    attributes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_a_prefix_and_the_content_type_has_none() {
        let mut raw = RawMessage::default();
        for attribute in [name::ID, name::CONTENT_TYPE] {
            raw.attributes.insert(attribute.into(), "x".into());
        }
        let headers = with(of(&raw), "deadletterreason", "why");
        let names: Vec<&str> = headers.iter().map(|header| header.key).collect();
        assert_eq!(names, ["content-type", "ce_id", "deadletterreason"]);
        let read: Vec<Option<&str>> = names.into_iter().map(attribute).collect();
        assert_eq!(read, [Some("datacontenttype"), Some("id"), None]);
    }

    #[test]
    fn the_size_counts_every_header() {
        let mut raw = RawMessage::default();
        let empty = size(&raw);
        raw.attributes.insert("id".into(), "x".into());
        assert!(size(&raw) >= empty + "ce_id".len() + 1 + 2);
    }
}

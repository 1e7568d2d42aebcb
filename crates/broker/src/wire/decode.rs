//! Reading a message.

use super::attributes::{self, name};
use super::fault::{Fault, Place, Unreadable};
use super::raw::RawMessage;
use crate::message::Message;
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;
use waybill_domain::content::Personal;
use waybill_domain::context::EventMeta;
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION,
};
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;
use waybill_domain::trace::TraceParent;

/// Reads a message.
///
/// # Errors
/// It is no event of this system, or of a later version of it; what can be read of its place is kept.
pub fn decode(raw: RawMessage) -> Result<Message, Box<Unreadable>> {
    decode_with(raw, true)
}

/// Reads a message whose event has its body elsewhere, at the address in [`name::DATAREF`]. Until that was fetched the
/// body is `{}`.
///
/// # Errors
/// As for [`decode`].
pub fn decode_without_data(raw: RawMessage) -> Result<Message, Box<Unreadable>> {
    decode_with(raw, false)
}

fn decode_with(raw: RawMessage, has_data: bool) -> Result<Message, Box<Unreadable>> {
    read(&raw, has_data).map_err(|fault| {
        let place = place(&raw).ok();
        Box::new(Unreadable { raw, fault, place })
    })
}

fn read(raw: &RawMessage, has_data: bool) -> Result<Message, Fault> {
    if required(raw, name::SPECVERSION)? != "1.0" {
        let why = "the attribute specversion is not 1.0";
        return Err(Fault::NotACloudEvent(why.into()));
    }
    let kind = required(raw, name::TYPE)?;
    let kind = EventKind::parse(kind).ok_or_else(|| Fault::UnknownType(shortened(kind)))?;
    let schema: i64 = parsed(raw, name::SCHEMA_VERSION, |text| text.parse().ok())?;
    let schema_version = i16::try_from(schema)
        .ok()
        .filter(|version| *version <= SCHEMA_VERSION)
        .ok_or(Fault::FutureSchema(schema))?;
    let Place {
        source,
        aggregate,
        seq,
        key,
    } = place(raw)?;
    let tenant = match raw.attribute(name::TENANT) {
        None => Tenant::default(),
        Some(text) => Tenant::parse(text).map_err(|problem| {
            Fault::Damaged(format!("the attribute tenant: {}", problem.detail))
        })?,
    };
    let filler = raw.attribute(name::FILLER) == Some("true");
    let (body, personal) = if filler {
        (Arc::from("{}"), None)
    } else {
        body(&raw.body, has_data)?
    };
    let occurred_at = parsed(raw, name::TIME, Time::parse)?;
    Ok(Message {
        source,
        filler,
        resend: None,
        personal: personal.filter(|_| Personal::goes_with(kind)),
        event: LoggedEvent {
            // Its place in the log of the store that sent it means nothing here.
            partition: 0,
            position: 0,
            recorded_at: optional(raw, name::RECORDED_TIME, Time::parse)?.unwrap_or(occurred_at),
            event: NewEvent {
                id: parsed(raw, name::ID, EventId::parse)?,
                schema_version,
                kind,
                aggregate,
                seq,
                order_id: order_of(aggregate, key)?,
                tenant,
                occurred_at,
                body,
                meta: EventMeta {
                    actor: raw.attribute(name::ACTOR).unwrap_or_default().into(),
                    correlation_id: raw.attribute(name::CORRELATION_ID).map(Arc::from),
                    causation_id: optional(raw, name::CAUSATION_ID, EventId::parse)?,
                    traceparent: raw.attribute(name::TRACEPARENT).and_then(trace),
                },
            },
        },
    })
}

/// The trace; `None` when it is invalid, which is no fault of the event.
fn trace(text: &str) -> Option<Arc<str>> {
    Some(TraceParent::parse(text)?.to_string().into())
}

/// Where the message belongs.
fn place(raw: &RawMessage) -> Result<Place, Fault> {
    Ok(Place {
        source: parsed(raw, name::SOURCE, attributes::source)?,
        aggregate: parsed(raw, name::AGGREGATE, attributes::aggregate)?,
        seq: parsed(raw, name::SEQUENCE, |text| {
            text.parse().ok().filter(|seq| *seq > 0)
        })?,
        key: parsed(raw, name::SUBJECT, |text| Uuid::parse_str(text).ok())?,
    })
}

/// The order of an event. Stock has none; an order's own events have its id as their aggregate.
fn order_of(aggregate: Aggregate, key: Uuid) -> Result<Option<OrderId>, Fault> {
    let contradiction = || {
        Err(Fault::Damaged(format!(
            "the attribute subject is {key}, and the aggregate is {aggregate:?}"
        )))
    };
    match aggregate.kind {
        AggregateKind::Stock | AggregateKind::Order if aggregate.id != key => contradiction(),
        AggregateKind::Stock => Ok(None),
        AggregateKind::Order | AggregateKind::Shipment | AggregateKind::Delivery => {
            Ok(Some(OrderId(key)))
        }
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    personal: Option<Personal>,
}

/// The event's body, and the personal data beside it.
fn body(body: &[u8], has_data: bool) -> Result<(Arc<str>, Option<Personal>), Fault> {
    let body: Body<'_> = serde_json::from_slice(body).map_err(|error| no_json(&error))?;
    let data = match body.data {
        Some(data) if has_data => data.get(),
        None if has_data => return Err(Fault::Damaged("its body: data is missing".into())),
        Some(_) | None => "{}",
    };
    if data.starts_with('{') {
        Ok((data.into(), body.personal))
    } else {
        Err(Fault::Damaged("its body: data is not an object".into()))
    }
}

/// Where a body is wrong. What the error itself says may show what is there, as personal data.
fn no_json(error: &serde_json::Error) -> Fault {
    let what = match error.classify() {
        Category::Syntax | Category::Io => "is no JSON",
        Category::Eof => "ends too early",
        Category::Data => "has a member of another type",
    };
    let (line, column) = (error.line(), error.column());
    Fault::Damaged(format!("its body {what}, line {line} column {column}"))
}

fn required<'r>(raw: &'r RawMessage, name: &str) -> Result<&'r str, Fault> {
    raw.attribute(name)
        .ok_or_else(|| Fault::NotACloudEvent(format!("the attribute {name} is missing")))
}

fn parsed<T>(raw: &RawMessage, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
    let text = required(raw, name)?;
    parse(text).ok_or_else(|| wrong(name, text))
}

fn optional<T>(
    raw: &RawMessage,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    match raw.attribute(name) {
        None => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| wrong(name, text)),
    }
}

fn wrong(name: &str, text: &str) -> Fault {
    Fault::Damaged(format!("the attribute {name} is {:?}", shortened(text)))
}

/// At most 80 characters of a text that a stranger wrote.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

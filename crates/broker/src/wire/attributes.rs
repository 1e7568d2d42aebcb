//! The attributes of a message.

use crate::message::{Message, Source};
use std::collections::BTreeMap;
use uuid::Uuid;
use waybill_domain::event::{Aggregate, AggregateKind};
use waybill_domain::text::Tenant;

/// What Kafka's binding puts before each attribute's name.
pub const PREFIX_KAFKA: &str = "ce_";

/// Names of attributes.
pub mod name {
    pub const SPECVERSION: &str = "specversion";
    pub const ID: &str = "id";
    pub const SOURCE: &str = "source";
    pub const TYPE: &str = "type";
    /// When the event happened.
    pub const TIME: &str = "time";
    /// The key: the order's id, for stock the aggregate's id.
    pub const SUBJECT: &str = "subject";
    pub const AGGREGATE: &str = "aggregate";
    /// The event's number within its aggregate.
    pub const SEQUENCE: &str = "sequence";
    pub const TENANT: &str = "tenant";
    pub const SCHEMA_VERSION: &str = "schemaversion";
    pub const ACTOR: &str = "actor";
    pub const CORRELATION_ID: &str = "correlationid";
    pub const CAUSATION_ID: &str = "causationid";
    pub const TRACEPARENT: &str = "traceparent";
    /// When the event was committed; the extension "Recorded Time" of CloudEvents.
    pub const RECORDED_TIME: &str = "recordedtime";
    /// `true` on the filler of a discarded event.
    pub const FILLER: &str = "filler";
    /// Where the event can be read, when the message is too large to hold it.
    pub const DATAREF: &str = "dataref";
    pub const CONTENT_TYPE: &str = "datacontenttype";
}

/// What `source` begins with; store id and generation follow.
const SOURCE_PREFIX: &str = "/waybill/";

/// All attributes of a message.
pub fn of(message: &Message) -> BTreeMap<String, String> {
    let event = &message.event.event;
    let Source {
        store_id,
        generation,
    } = &message.source;
    let mut attributes = BTreeMap::new();
    let mut set = |name: &str, value: String| attributes.insert(name.to_owned(), value);
    set(name::SPECVERSION, "1.0".into());
    set(name::CONTENT_TYPE, "application/json".into());
    set(name::ID, event.id.to_string());
    set(
        name::SOURCE,
        format!("{SOURCE_PREFIX}{store_id}/{generation}"),
    );
    set(name::TYPE, event.kind.to_string());
    set(name::TIME, event.occurred_at.to_string());
    set(name::RECORDED_TIME, message.event.recorded_at.to_string());
    set(name::SUBJECT, message.key().to_string());
    set(name::AGGREGATE, aggregate_text(event.aggregate));
    set(name::SEQUENCE, event.seq.to_string());
    if event.tenant != Tenant::default() {
        set(name::TENANT, event.tenant.as_str().to_owned());
    }
    set(name::SCHEMA_VERSION, event.schema_version.to_string());
    set(name::ACTOR, event.meta.actor.to_string());
    if let Some(id) = &event.meta.correlation_id {
        set(name::CORRELATION_ID, id.to_string());
    }
    if let Some(id) = &event.meta.causation_id {
        set(name::CAUSATION_ID, id.to_string());
    }
    if let Some(parent) = &event.meta.traceparent {
        set(name::TRACEPARENT, parent.to_string());
    }
    if message.filler {
        set(name::FILLER, "true".into());
    }
    attributes
}

/// The store and the generation in a `source`.
pub fn source(text: &str) -> Option<Source> {
    let (store_id, generation) = text.strip_prefix(SOURCE_PREFIX)?.split_once('/')?;
    let is_name = |name: &str| !name.is_empty() && !name.contains('/');
    (is_name(store_id) && is_name(generation)).then(|| Source {
        store_id: store_id.to_owned(),
        generation: generation.to_owned(),
    })
}

fn aggregate_text(aggregate: Aggregate) -> String {
    format!("{}/{}", aggregate.kind, aggregate.id)
}

/// The type and the id in an `aggregate`.
pub fn aggregate(text: &str) -> Option<Aggregate> {
    let (kind, id) = text.split_once('/')?;
    Some(Aggregate {
        kind: AggregateKind::parse(kind)?,
        id: Uuid::parse_str(id).ok()?,
    })
}

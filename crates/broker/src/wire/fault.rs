//! Why a message cannot be read.

use crate::message::{Message, Source};
use crate::wire::RawMessage;
use uuid::Uuid;
use waybill_domain::event::{Aggregate, SCHEMA_VERSION};

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("this is no CloudEvent 1.0 in binary mode: {0}")]
    NotACloudEvent(String),
    #[error(
        "events of type {0:?} are not known to this version; update this process, then redrive the message"
    )]
    UnknownType(String),
    #[error(
        "the event has schema version {0} and this version reads up to {SCHEMA_VERSION}; update this process, then redrive the message"
    )]
    FutureSchema(i64),
    #[error(
        "the event was too large for a message and cannot be read from where it is: {0}; mend that, then redrive the message"
    )]
    BodyElsewhere(String),
    #[error("the message is damaged: {0}")]
    Damaged(String),
    #[error("{0}")]
    Refused(String),
}

impl Fault {
    /// A stable word for lists and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotACloudEvent(_) => "not_a_cloud_event",
            Self::UnknownType(_) => "unknown_type",
            Self::FutureSchema(_) => "future_schema_version",
            Self::BodyElsewhere(_) => "body_elsewhere",
            Self::Damaged(_) => "damaged",
            Self::Refused(_) => "refused",
        }
    }
}

/// Where a message belongs, as far as its attributes say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub source: Source,
    pub aggregate: Aggregate,
    pub seq: i64,
    /// The order's id, for stock the aggregate's id.
    pub key: Uuid,
}

/// A message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub raw: RawMessage,
    pub fault: Fault,
    /// `None` when not even that can be read. Later events of the aggregate wait for this one otherwise.
    pub place: Option<Place>,
}

impl Unreadable {
    /// A message whose attributes can be read, and that still cannot be taken.
    #[must_use]
    pub fn of(raw: RawMessage, message: &Message, fault: Fault) -> Self {
        let event = &message.event.event;
        Self {
            raw,
            fault,
            place: Some(Place {
                source: message.source.clone(),
                aggregate: event.aggregate,
                seq: event.seq,
                key: event.key(),
            }),
        }
    }
}

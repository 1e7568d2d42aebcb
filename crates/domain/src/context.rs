//! The time, the actor and the source of ids, which the caller passes to every decision.

use crate::ids::{EventId, Ids};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The actor and the cause of a decision; every event of the decision carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventMeta {
    /// `client:<subject>` or `system:<role>`.
    pub actor: Arc<str>,
    /// The id of the request that caused this and all events that follow from it.
    pub correlation_id: Option<Arc<str>>,
    /// The event that led to this decision.
    pub causation_id: Option<EventId>,
    /// W3C Trace Context (`traceparent`) of the request that started the chain.
    pub traceparent: Option<Arc<str>>,
}

impl EventMeta {
    /// The request that started the chain.
    #[must_use]
    pub fn request(&self) -> RequestIds {
        RequestIds {
            correlation_id: self.correlation_id.clone(),
            traceparent: self.traceparent.clone(),
        }
    }
}

/// The ids of the request that started a chain of events, kept with rows that go on by themselves later, so that the
/// events of these steps carry them too. Empty in rows of earlier versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestIds {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Arc<str>>,
}

impl RequestIds {
    /// The meta of events that `actor` makes later, without an event or a request at hand.
    #[must_use]
    pub fn later_by(&self, actor: &str) -> EventMeta {
        EventMeta {
            actor: actor.into(),
            correlation_id: self.correlation_id.clone(),
            causation_id: None,
            traceparent: self.traceparent.clone(),
        }
    }
}

/// The inputs of one decision besides the rows.
pub struct Context<'a> {
    pub now: Time,
    pub meta: &'a EventMeta,
    pub ids: &'a mut dyn Ids,
}

//! What the caller passes to every decision: the time, the actor, and a source of ids.

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
    /// The request that started it all.
    pub correlation_id: Option<Arc<str>>,
    /// The event this one answers.
    pub causation_id: Option<EventId>,
    /// W3C Trace Context, carried from the first request.
    pub traceparent: Option<Arc<str>>,
}

/// The surroundings of one decision.
pub struct Context<'a> {
    pub now: Time,
    pub meta: &'a EventMeta,
    pub ids: &'a mut dyn Ids,
}

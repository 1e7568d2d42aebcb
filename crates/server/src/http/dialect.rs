//! A dialect: a wire format that clients speak, chosen by the path of a request.
//!
//! What every route needs and no handler should repeat (which words an error has, how large a body may be, how long an
//! answer may take, which key a request needs) is data of the dialect. The edge puts the dialect of a path into the
//! request; the edge and the readers of bodies and keys ask it. So another dialect adds a value to the list in
//! [`super::dialects`] and its words. Requests below no dialect's prefix, and unknown paths, speak `/v1`'s.

use std::time::Duration;

use super::idempotency_key::KeyRule;
use super::v1::problem::Words;
use crate::config::Server;

/// A wire format.
pub struct Dialect {
    /// Its name, also in the hash of an order's body: the same key in another dialect is another key.
    pub name: &'static str,
    /// The first segments of the paths that speak it.
    pub prefixes: &'static [&'static str],
    /// A problem as its clients expect it.
    pub words: Words,
    /// What its requests may cost.
    pub bounds: fn(&Server) -> Bounds,
    /// How it takes idempotency keys.
    pub key: KeyRule,
}

/// Bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Largest body.
    pub body_bytes: usize,
    /// From the head to the end of the body.
    pub body_time: Duration,
    /// From the head to the beginning of the answer.
    pub answer_time: Duration,
}

impl Bounds {
    /// Those of the section `server`.
    #[must_use]
    pub fn of_server(server: &Server) -> Self {
        Self {
            body_bytes: server.body_limit_bytes as usize,
            body_time: server.body_timeout_ms.duration(),
            answer_time: server.request_timeout_ms.duration(),
        }
    }
}

//! A dialect: a wire format that clients speak, chosen by the path of a request.
//!
//! A dialect holds what all its routes share: the words of errors, the largest body, the timeouts, the rule for
//! idempotency keys. The edge puts the dialect of a path into the request; the edge and the readers of bodies and keys
//! look it up there. A new dialect adds a value to the list in [`super::dialects`] and its words. Paths without a
//! dialect's prefix use `/v1`'s.

use std::time::Duration;

use axum::response::{IntoResponse, Response};

use super::idempotency_key::KeyRule;
use super::v1::problem::{Problem, Words};
use crate::config::Server;

/// A wire format.
pub struct Dialect {
    /// Its name, also in the hash of an order's body: the same key in another dialect is another key.
    pub name: &'static str,
    /// The first segments of the paths that speak it.
    pub prefixes: &'static [&'static str],
    /// A problem as its clients expect it.
    pub words: Words,
    /// Limits of its requests.
    pub bounds: fn(&Server) -> Bounds,
    /// How bodies are written.
    pub media: Media,
    /// How it takes idempotency keys.
    pub key: KeyRule,
}

/// The media types of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Json,
    /// Also `application/x-www-form-urlencoded`.
    JsonOrForm,
}

impl Dialect {
    /// An answer in the words of this dialect, whatever the dialect of the path is: for paths that two dialects share.
    pub fn speak(&'static self, answer: Result<Response, Problem>) -> Response {
        let mut response = answer.into_response();
        response.extensions_mut().insert(self);
        response
    }
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

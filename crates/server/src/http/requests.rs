//! Reading a request, the same for every route: its caller, its body, its idempotency key.

use std::sync::Arc;

use axum::body::Body;
use http::HeaderMap;

use super::access::Access;
use super::body::{self, Whole};
use super::dialect::Dialect;
use super::v1::problem::Problem;
use crate::auth::Identity;
use crate::config;
use crate::intake::claims::ClientKey;
use crate::resilience::budget::BodyBudget;

/// What is needed to read a request.
pub struct Requests {
    pub access: Access,
    /// Memory for bodies that are being received.
    pub bodies: Arc<BodyBudget>,
    pub server: config::Server,
    pub limits: config::Limits,
    /// How long an idempotency key is remembered, in milliseconds.
    pub key_window_ms: i64,
}

impl Requests {
    /// The body of a request whose caller is known, as the dialect of its route takes it.
    ///
    /// # Errors
    /// 400, 408, 413, 415 or 503.
    pub async fn body(
        &self,
        dialect: &Dialect,
        caller: &Identity,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Whole, Problem> {
        let client = (&caller.tenant, &caller.subject);
        self.body_of(dialect, client, headers, body).await
    }

    /// The body of a request of a client that is known by something else than a token.
    ///
    /// # Errors
    /// As [`Requests::body`].
    pub async fn body_of(
        &self,
        dialect: &Dialect,
        client: impl std::hash::Hash,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Whole, Problem> {
        let bounds = (dialect.bounds)(&self.server);
        let memory = self.bodies.body(client);
        body::receive(&bounds, dialect.media, memory, headers, body).await
    }

    /// The idempotency key of a request, if it has one, as the dialect of its route takes it.
    ///
    /// # Errors
    /// `idempotency_key_invalid`.
    pub fn key(
        &self,
        dialect: &Dialect,
        headers: &HeaderMap,
    ) -> Result<Option<ClientKey>, Problem> {
        dialect.key.read(headers, &self.limits)
    }
}

//! A request to `/v1` whose caller is verified: the caller, its tenant, its preconditions.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use waybill_domain::context::EventMeta;
use waybill_domain::precondition::{Preconditions, Tag};
use waybill_domain::text::Tenant;

use super::params::Params;
use super::preconditions;
use super::problem::Problem;
use crate::auth::{Identity, Scope};
use crate::http::body::Whole;
use crate::http::dialect::Dialect;
use crate::http::edge::Correlation;
use crate::http::json;
use crate::http::requests::Requests;

/// A request with a verified caller.
pub struct Call {
    pub identity: Arc<Identity>,
    pub tenant: Tenant,
    pub correlation: Correlation,
    pub head: Parts,
    /// The dialect of the request's path.
    pub dialect: &'static Dialect,
}

impl Call {
    /// The caller, if the token has the scope.
    ///
    /// # Errors
    /// 401 or 403.
    pub fn open(requests: &Requests, head: Parts, scope: Scope) -> Result<Self, Problem> {
        let identity = requests.access.caller(&head.headers, scope)?;
        Ok(Self::of(identity, head))
    }

    /// A request whose caller was verified elsewhere.
    #[must_use]
    pub fn of(identity: Arc<Identity>, head: Parts) -> Self {
        let correlation = head.extensions.get::<Correlation>().cloned();
        let dialect = head.extensions.get::<&'static Dialect>().copied();
        Self {
            tenant: Tenant::stored(&identity.tenant),
            identity,
            // The edge sets the correlation of every request; tests use routers without the edge.
            correlation: correlation.unwrap_or_else(|| Correlation {
                id: "".into(),
                traceparent: None,
            }),
            dialect: dialect.unwrap_or(&super::DIALECT),
            head,
        }
    }

    /// The caller and the whole body, within the limits of the settings.
    ///
    /// # Errors
    /// 401, 403, 400, 408, 413, 415 or 503.
    pub async fn with_body(
        requests: &Requests,
        request: Request,
        scope: Scope,
    ) -> Result<(Self, Whole), Problem> {
        let (head, body) = request.into_parts();
        let call = Self::open(requests, head, scope)?;
        let headers = &call.head.headers;
        let body = requests
            .body(call.dialect, &call.identity, headers, body)
            .await?;
        Ok((call, body))
    }

    /// The meta of events this request causes.
    #[must_use]
    pub fn meta(&self) -> EventMeta {
        self.correlation.meta(&self.identity)
    }

    /// The request's `If-Match` and `If-None-Match`.
    ///
    /// # Errors
    /// `invalid_if_match`, `invalid_if_none_match`.
    pub fn preconditions(&self) -> Result<Preconditions, Problem> {
        preconditions::of(&self.head.headers)
    }

    /// The query, with these names allowed.
    ///
    /// # Errors
    /// `unknown_parameter` or `invalid_parameter`.
    pub fn params(&self, known: &'static [&'static str]) -> Result<Params, Problem> {
        Params::of_query(&self.head.uri, known)
    }
}

/// JSON with the version of what it shows as its `ETag`.
pub fn versioned<T: serde::Serialize>(status: StatusCode, version: i64, body: &T) -> Response {
    let mut response = (status, json::of(body)).into_response();
    preconditions::set_tag(&mut response, Tag::of(version));
    response
}

//! A request to `/v1` whose caller is known: who asks, for whom, with which precondition.

use std::sync::Arc;

use axum::extract::{Query, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use waybill_domain::context::EventMeta;
use waybill_domain::text::Tenant;

use super::codes;
use super::params::Params;
use super::problem::Problem;
use crate::app::App;
use crate::auth::{Identity, Scope};
use crate::http::body::{self, Whole};
use crate::http::edge::Correlation;
use crate::http::{access, json};

/// What a handler gives back.
pub type Answer = Result<Response, Problem>;

/// A request with a verified caller.
pub struct Call {
    pub identity: Arc<Identity>,
    pub tenant: Tenant,
    pub correlation: Correlation,
    pub head: Parts,
}

impl Call {
    /// The caller, if the token has the scope.
    ///
    /// # Errors
    /// 401 or 403.
    pub fn open(app: &App, head: Parts, scope: Scope) -> Result<Self, Problem> {
        let identity = access::caller(app, &head.headers, scope)?;
        Ok(Self::of(identity, head))
    }

    /// A caller who was verified another way.
    #[must_use]
    pub fn of(identity: Arc<Identity>, head: Parts) -> Self {
        let correlation = head.extensions.get::<Correlation>().cloned();
        Self {
            tenant: Tenant::stored(&identity.tenant),
            identity,
            // The edge gives every request one; a router without the edge has none to show.
            correlation: correlation.unwrap_or_else(|| Correlation {
                id: "".into(),
                traceparent: None,
            }),
            head,
        }
    }

    /// The caller and the whole body, within the limits of the settings.
    ///
    /// # Errors
    /// 401, 403, 400, 408, 413, 415 or 503.
    pub async fn with_body(
        app: &App,
        request: Request,
        scope: Scope,
    ) -> Result<(Self, Whole), Problem> {
        let (head, body) = request.into_parts();
        let call = Self::open(app, head, scope)?;
        let headers = &call.head.headers;
        let body = body::receive(app, &super::DIALECT, &call.identity, headers, body).await?;
        Ok((call, body))
    }

    /// The meta of events this request causes.
    #[must_use]
    pub fn meta(&self) -> EventMeta {
        self.correlation.meta(&self.identity)
    }

    /// The version that `If-Match` demands; `None` without it and for `*`.
    ///
    /// # Errors
    /// `invalid_if_match`.
    pub fn if_match(&self) -> Result<Option<i64>, Problem> {
        let Some(value) = self.head.headers.get(header::IF_MATCH) else {
            return Ok(None);
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(None);
        }
        let quoted = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        let version = quoted
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok());
        version.map(Some).ok_or_else(|| {
            let detail = "expected one version as ETag gives it, \"3\" with its quotes, or *";
            Problem::new(codes::INVALID_IF_MATCH, detail).of("If-Match")
        })
    }

    /// The query, with these names allowed.
    ///
    /// # Errors
    /// `unknown_parameter` or `invalid_parameter`.
    pub fn params(&self, known: &'static [&'static str]) -> Result<Params, Problem> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&self.head.uri);
        let Query(pairs) = pairs.map_err(|error| {
            Problem::new(
                codes::INVALID_PARAMETER,
                format!("the query cannot be read: {error}"),
            )
        })?;
        Params::of(pairs, known)
    }
}

/// JSON with the version of what it shows as its `ETag`.
pub fn versioned<T: serde::Serialize>(status: StatusCode, version: i64, body: &T) -> Response {
    let mut response = (status, json::of(body)).into_response();
    set(&mut response, header::ETAG, &format!("\"{version}\""));
    response
}

/// Sets a header whose value is plain text by construction.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

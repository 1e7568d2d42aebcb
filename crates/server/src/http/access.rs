//! Checks the token of a request and its scope, and words the refusals that all dialects share.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::json;
use crate::app::App;
use crate::auth::{Identity, Scope, TokenError, bearer};

/// Why a request may not go on.
#[derive(Debug)]
pub enum Denied {
    /// There is no token, or it is not to be trusted.
    Token(TokenError),
    /// The token does not have this scope.
    Scope(Scope),
}

/// The caller, if the token is good and has the scope.
///
/// # Errors
/// [`Denied`].
pub fn caller(app: &App, headers: &HeaderMap, scope: Scope) -> Result<Arc<Identity>, Denied> {
    let identity = trusted(app, headers).map_err(|error| {
        app.metrics.token_refused(error.code());
        Denied::Token(error)
    })?;
    if identity.may(scope) {
        Ok(identity)
    } else {
        app.metrics.token_refused("insufficient_scope");
        Err(Denied::Scope(scope))
    }
}

/// Who a request's token stands for.
fn trusted(app: &App, headers: &HeaderMap) -> Result<Arc<Identity>, TokenError> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(bearer);
    let token = token.ok_or(TokenError::Missing)?;
    app.verifier.verify(token, app.clock.now_micros())
}

/// The answer of all dialects to overload: `error`, `message`, `correlationId`, and when to come back.
#[must_use]
pub fn come_back(
    status: StatusCode,
    error: &str,
    message: &str,
    correlation: &str,
    after_s: u32,
) -> Response {
    let body = format!(
        "{{\"error\":{},\"message\":{},\"correlationId\":{}}}",
        json::text(error),
        json::text(message),
        json::text(correlation)
    );
    let mut response = (status, json::Raw(body)).into_response();
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(after_s));
    response
}

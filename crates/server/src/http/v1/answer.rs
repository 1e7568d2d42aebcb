//! What a handler of `/v1` gives back.

use axum::response::Response;
use http::{HeaderName, HeaderValue};

use super::problem::Problem;

/// What a handler gives back.
pub type Answer = Result<Response, Problem>;

/// Sets a header whose value is plain text by construction.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

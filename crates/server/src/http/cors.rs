//! Cross-origin requests from browsers (the CORS protocol of the Fetch standard), only for the configured origins.
//!
//! Without a configured origin no headers are sent, and the browser refuses by itself. Credentials are never allowed;
//! tokens are in headers.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, last-event-id, traceparent, x-correlation-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, location, idempotent-replayed, retry-after, ratelimit, ratelimit-policy, www-authenticate, x-correlation-id",
);
/// How long a browser remembers a preflight, in seconds.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("600");

/// The value of `Access-Control-Allow-Origin`, if the request's origin may call.
#[must_use]
pub fn allowed(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    if origins.is_empty() {
        return None;
    }
    let origin = headers.get(header::ORIGIN)?;
    if origins.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let listed = origins
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes());
    listed.then(|| origin.clone())
}

/// The answer to a preflight: a browser asks what it may send before it does.
#[must_use]
pub fn preflight(method: &Method, headers: &HeaderMap) -> Option<Response> {
    let asks =
        *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    Some(response)
}

/// Marks an answer as readable by this origin.
pub fn mark(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
    }

    #[test]
    fn only_listed_origins_may_call() {
        let listed = ["https://shop.example".to_owned()];
        assert_eq!(
            allowed(&listed, &from("https://shop.example")).unwrap(),
            "https://shop.example"
        );
        for other in ["https://shop.example.evil", "http://shop.example", "null"] {
            assert_eq!(allowed(&listed, &from(other)), None);
        }
        assert_eq!(allowed(&[], &from("https://shop.example")), None);
        assert_eq!(allowed(&listed, &HeaderMap::new()), None);
        assert_eq!(allowed(&["*".to_owned()], &from("null")).unwrap(), "*");
    }
}

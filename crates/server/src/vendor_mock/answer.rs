//! How an answer of a mock vendor leaves: late, slowly, or not at all.

use std::io;

use axum::body::{Body, Bytes, to_bytes};
use axum::response::{IntoResponse, Response};
use futures::stream;
use http::StatusCode;
use serde_json::json;

use super::faults::Faults;
use super::nonsense::dripping;

/// The largest answer that is held to be sent slowly.
const HELD_BYTES: usize = 16 * 1024 * 1024;

/// A response after which the connection is closed. Its body fails before anything is written, so the caller sees no
/// status either.
pub fn none() -> Response {
    let failure = io::Error::other("the mock vendor loses this answer");
    let body = stream::iter([Err::<Bytes, _>(failure)]);
    Body::from_stream(body).into_response()
}

/// `{"error": …}`.
pub fn error(status: StatusCode, text: &str) -> Response {
    (status, axum::Json(json!({"error": text}))).into_response()
}

/// The answer as slow as the faults want it.
pub async fn slowed(response: Response, faults: &Faults) -> Response {
    if faults.drip_bytes_per_s == 0 {
        return response;
    }
    let (parts, body) = response.into_parts();
    match to_bytes(body, HELD_BYTES).await {
        Ok(bytes) => Response::from_parts(parts, dripping(bytes, faults.drip_bytes_per_s)),
        Err(_) => none(),
    }
}

//! No answer outlives its request's token: a stream ends and a long poll gets 401 when the token expires.
//!
//! The edge applies this to every safe request, so routes with long answers need no code for it. Commands are exempt:
//! they have their own deadline, and cancelling one half-way would leave it unknown whether it was committed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::{HeaderMap, Uri, header};

use super::access::{Access, Denied};
use super::v1::problem::Problem;
use crate::auth::{TokenError, bearer};
use crate::clock::Clock;

/// The wall clock may be set while an answer waits, so it is read again at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// When the token of a request expires, in microseconds since 1970. `None` for a request without a valid token, and for
/// a token that does not expire.
#[must_use]
pub fn of(access: &Access, headers: &HeaderMap, uri: &Uri) -> Option<i64> {
    let until = |token: &str| {
        let identity = access.verify(token).ok()?;
        Some(identity.until_micros).filter(|until| *until < i64::MAX)
    };
    match headers.get(header::AUTHORIZATION) {
        Some(value) => until(value.to_str().ok().and_then(bearer)?),
        None => until(&in_address(uri)?),
    }
}

/// The token in the query, which browsers use for streams because an `EventSource` cannot set headers.
fn in_address(uri: &Uri) -> Option<String> {
    uri.query().filter(|query| query.contains("access_token"))?;
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let token = pairs.into_iter().find(|(name, _)| name == "access_token");
    token.map(|(_, token)| token)
}

/// Runs a handler until the token expires: an answer that has not begun by then becomes 401, a stream ends.
pub async fn within(
    clock: &Arc<dyn Clock>,
    until_micros: Option<i64>,
    answer: impl Future<Output = Response>,
) -> Response {
    let Some(until_micros) = until_micros else {
        return answer.await;
    };
    tokio::select! {
        biased;
        response = answer => ending(clock, until_micros, response),
        () = passed(clock.clone(), until_micros) => {
            Problem::from(Denied::Token(TokenError::Expired)).into_response()
        }
    }
}

/// Ends a streamed body at the token's expiry. A body of known length is complete already and stays as it is.
fn ending(clock: &Arc<dyn Clock>, until_micros: i64, response: Response) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    let end = Box::pin(passed(clock.clone(), until_micros));
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(end)))
}

/// Returns at that time of the clock, in microseconds since 1970.
pub async fn passed(clock: Arc<dyn Clock>, until_micros: i64) {
    loop {
        let left = until_micros - clock.now_micros();
        match u64::try_from(left) {
            Ok(left) if left > 0 => {
                tokio::time::sleep(Duration::from_micros(left).min(LONGEST_SLEEP)).await;
            }
            _ => return,
        }
    }
}

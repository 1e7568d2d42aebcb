//! `GET /v1/orders/{id}/stream`: each step of an order as a server-sent event, as it happens.
//!
//! Begins after `Last-Event-ID`, else after `?after=`, else with the order's first event. Ends after the order's last
//! step, when the process stops (a client then resumes elsewhere), and when its token expires.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};

use super::super::answer::{Answer, set};
use super::super::apis::FollowApi;
use super::caller;
use super::steps::{Next, Step, Steps};

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Streams an order's steps.
#[utoipa::path(
    get, path = "/v1/orders/{id}/stream", operation_id = "streamOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("Last-Event-ID" = Option<String>, Header, description = "Goes on after this event"),
        ("after" = Option<String>, Query, description = "Goes on after this event, unless `Last-Event-ID` names one"),
        ("access_token" = Option<String>, Query, description = "For browsers that cannot set headers: a token with the one scope order:stream"),
    ),
    responses((status = 200, description = "Server-sent events, one a step; ends after the last one", content_type = "text/event-stream", body = String), (status = 204, description = "Nothing more will come")),
    security(("token" = ["order:read"]), ("token" = ["order:stream"])),
)]
pub async fn stream(
    State(api): State<Arc<FollowApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (head, _) = request.into_parts();
    let (call, params) = caller::of(&api.requests, head, &["after", "access_token"])?;
    let in_address = params.one("after")?.map(|text| ("after", text));
    let last_seen = call.head.headers.get(&LAST_EVENT_ID);
    let last_seen = last_seen
        .and_then(|v| v.to_str().ok())
        .filter(|v| !v.is_empty());
    // An EventSource that connects again keeps its address, so the header is the newer one.
    let after = last_seen.map(|text| ("Last-Event-ID", text)).or(in_address);
    let mut steps = Steps::open(api, &call, &id, after).await?;
    let first = steps.read().await?;
    if first.is_empty() && steps.have_ended() {
        // 204 stops an EventSource from reconnecting: the order has no further steps.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let first = write(&first);
    let begun = futures::stream::once(async move { Ok(first) });
    let rest = futures::stream::unfold(steps, next);
    Ok(answer(Body::from_stream(futures::StreamExt::chain(
        begun, rest,
    ))))
}

fn answer(body: Body) -> Response {
    let mut response = body.into_response();
    set(&mut response, header::CONTENT_TYPE, "text/event-stream");
    // Without it reverse proxies buffer the stream and delay its events.
    set(
        &mut response,
        HeaderName::from_static("x-accel-buffering"),
        "no",
    );
    response
}

/// The next piece of the stream; `None` ends it.
async fn next(mut steps: Steps) -> Option<(Result<Bytes, Infallible>, Steps)> {
    let piece = match steps.next().await {
        Next::Steps(read) => write(&read),
        Next::Quiet => Bytes::from_static(b": still here\n\n"),
        Next::Ended | Next::Stopping | Next::Unreadable => return None,
    };
    Some((Ok(piece), steps))
}

fn write(steps: &[Step]) -> Bytes {
    let mut out = String::new();
    for Step { kind, cursor, data } in steps {
        let _ = write!(out, "event: {kind}\nid: {cursor}\ndata: {data}\n\n");
    }
    out.into()
}

//! `GET /v1/orders/{id}/stream`: each step of an order as a server-sent event, as it happens.
//!
//! Begins after `Last-Event-ID`, else with the order's first event. Ends after the order's last step, when the process
//! stops (a client then resumes elsewhere), and when its token expires. Events are read from the store; the hub only
//! wakes the stream.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Tenant;

use super::answer::{Answer, set};
use super::apis::FollowApi;
use super::call::Call;
use super::codes;
use super::cursor::Cursor;
use super::hub::Watch;
use super::orders;
use super::problem::Problem;
use crate::auth::{Scope, TokenError};
use crate::http::access::Denied;
use crate::http::requests::Requests;
use crate::resilience::shares::Share;

/// Keeps idle proxies from closing the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read at once.
const PIECE: usize = 100;

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Streams an order's steps.
#[utoipa::path(
    get, path = "/v1/orders/{id}/stream", operation_id = "streamOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("Last-Event-ID" = Option<String>, Header, description = "Goes on after this event"),
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
    let call = caller(&api.requests, request)?;
    let store = &api.identity;
    let after = call.head.headers.get(&LAST_EVENT_ID);
    let after = after
        .and_then(|v| v.to_str().ok())
        .filter(|v| !v.is_empty());
    let after = after
        .map(|text| Cursor::position(store, text).map_err(|p| p.of("Last-Event-ID")))
        .transpose()?;
    // The watch begins before the read, so that an event recorded between them is not missed.
    let reading = api.reads.turn(&call.tenant).await?;
    let order = orders::find(&*reading, &call.tenant, &id).await?.order;
    drop(reading);
    let watch = api.hub.watch(order.id).ok_or_else(|| {
        let detail = "this server has as many streams as it may; try again later, or read the order now and then";
        Problem::new(codes::TOO_MANY_STREAMS, detail)
    })?;
    let mut share = api
        .streams
        .client((&call.identity.tenant, &call.identity.subject));
    if !share.take(1) {
        let most = api.streams.most();
        let detail = format!(
            "this client has {most} streams open, as many as one may (server.client_share of server.max_streams)"
        );
        return Err(Problem::new(codes::TOO_MANY_STREAMS, detail));
    }
    let mut steps = Steps {
        api,
        watch,
        _share: share,
        tenant: call.tenant,
        order: order.id,
        position: after.unwrap_or(0),
        ended: order.status.is_terminal(),
    };
    let first = steps.look().await?;
    if first.is_empty() && steps.ended {
        // 204 stops an EventSource from reconnecting: the order has no further steps.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let begun = futures::stream::once(async move { Ok(first) });
    let rest = futures::stream::unfold(steps, Steps::next);
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

/// Reads the token from the header, or from the query: an `EventSource` cannot set headers, so a browser passes a token
/// that is good for streams only.
fn caller(requests: &Requests, request: Request) -> Result<Call, Problem> {
    let (head, _) = request.into_parts();
    if head.headers.contains_key(header::AUTHORIZATION) {
        let may_read = requests
            .access
            .caller(&head.headers, Scope::OrderRead)
            .is_ok();
        let scope = if may_read {
            Scope::OrderRead
        } else {
            Scope::OrderStream
        };
        return Call::open(requests, head, scope);
    }
    let in_header = Call::of(Arc::new(unverified()), head);
    let params = in_header.params(&["access_token"])?;
    let token = params.one("access_token")?;
    let token = token.ok_or(Denied::Token(TokenError::Missing))?;
    let verified = requests.access.verify(token);
    let identity = verified.map_err(Denied::Token)?;
    if !identity.scopes.are_only(Scope::OrderStream) {
        let detail = "a token in an address may have the one scope order:stream and no other: addresses end up in logs";
        return Err(Problem::new(codes::INSUFFICIENT_SCOPE, detail).of("access_token"));
    }
    Ok(Call::of(identity, in_header.head))
}

/// The identity of a request whose token is not verified yet.
fn unverified() -> crate::auth::Identity {
    crate::auth::Identity {
        subject: String::new(),
        tenant: String::new(),
        scopes: crate::auth::Scopes::default(),
        until_micros: 0,
    }
}

/// The state of a stream.
struct Steps {
    api: Arc<FollowApi>,
    watch: Watch,
    _share: Share,
    tenant: Tenant,
    order: OrderId,
    position: i64,
    /// The order has taken its last step.
    ended: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StepDetails {
    status: Option<String>,
    previous_status: Option<String>,
    reason: Option<String>,
    tracking_number: Option<String>,
    carrier: Option<String>,
}

impl Steps {
    /// The events since the last read, as server-sent events; empty if there are none.
    async fn look(&mut self) -> Result<Bytes, Problem> {
        let mut out = String::new();
        loop {
            let store = self.api.reads.turn(&self.tenant).await?;
            let events = store
                .order_events(&self.tenant, self.order, self.position, PIECE)
                .await?;
            for event in &events {
                self.write(&mut out, event);
                self.position = event.position;
            }
            if events.len() < PIECE {
                return Ok(out.into());
            }
        }
    }

    /// The next piece of the stream; `None` ends it.
    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        loop {
            if self.ended {
                return None;
            }
            let stopping = self.api.stopping.clone();
            tokio::select! {
                () = stopping.cancelled() => return None,
                () = self.watch.changed() => {}
                () = tokio::time::sleep(HEARTBEAT) => {
                    return Some((Ok(Bytes::from_static(b": still here\n\n")), self));
                }
            }
            match self.look().await {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Some((Ok(piece), self)),
                Err(problem) => {
                    tracing::debug!(code = problem.code(), order_id = %self.order, "a stream ends early; its client resumes");
                    return None;
                }
            }
        }
    }

    fn write(&mut self, out: &mut String, logged: &LoggedEvent) {
        let event = &logged.event;
        // Of a body that was damaged, or that a newer version wrote, the step is sent without its details.
        let details = event.read_body().unwrap_or(StepDetails {
            status: None,
            previous_status: None,
            reason: None,
            tracking_number: None,
            carrier: None,
        });
        let mut data = json!({
            "type": event.kind.as_str(),
            "orderId": self.order,
            "occurredAt": event.occurred_at,
            "recordedAt": logged.recorded_at,
            "actor": event.meta.actor,
        });
        if let Some(reason) = details.reason {
            data["reason"] = reason.into();
        }
        if event.kind.is_order() {
            let status = details.status.as_deref().and_then(OrderStatus::parse);
            self.ended = status.map_or(self.ended, OrderStatus::is_terminal);
            data["seq"] = event.seq.into();
            data["status"] = details.status.into();
            data["previousStatus"] = details.previous_status.into();
        } else {
            data[event.aggregate.kind.as_str()] = json!({
                "id": event.aggregate.id,
                "seq": event.seq,
                "status": details.status,
                "previousStatus": details.previous_status,
                "trackingNumber": details.tracking_number,
                "carrier": details.carrier,
            });
        }
        let cursor = Cursor::of_position(&self.api.identity, logged.position);
        let _ = write!(out, "event: {}\nid: {cursor}\ndata: {data}\n\n", event.kind);
    }
}

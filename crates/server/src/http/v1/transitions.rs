//! `GET /v1/orders/{id}/transitions`: where an order may go from here, and how it came here.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::precondition::Tag;
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;
use waybill_domain::transitions;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::orders;
use super::preconditions;
use crate::auth::Scope;

/// Events in one read.
const PIECE: usize = 500;
/// Reads at most; an order has a handful of events, and later ones than these are not shown.
const PIECES: usize = 10;

/// Where an order stands, may go and came from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Transitions)]
pub struct TransitionsView {
    /// Where it stands.
    #[schema(value_type = super::schemas::OrderStatus)]
    status: OrderStatus,
    /// Its version.
    version: i64,
    /// What a caller may ask for now.
    #[schema(value_type = Vec<super::schemas::OrderStatus>)]
    allowed: Vec<OrderStatus>,
    /// Everything that may come next.
    #[schema(value_type = Vec<super::schemas::OrderStatus>)]
    possible: Vec<OrderStatus>,
    /// Every step so far, first one first.
    history: Vec<StepView>,
}

/// A step that was taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Step)]
struct StepView {
    /// The event's place in the order's sequence.
    sequence: i64,
    /// The event.
    #[serde(rename = "type")]
    #[schema(value_type = super::schemas::EventType, example = "order.confirmed")]
    kind: &'static str,
    /// The status before; null at the beginning.
    #[schema(value_type = Option<super::schemas::OrderStatus>)]
    from: Option<OrderStatus>,
    /// The status after it.
    #[schema(value_type = super::schemas::OrderStatus)]
    to: OrderStatus,
    /// When.
    #[schema(value_type = super::schemas::Timestamp)]
    at: Time,
    /// `client:…` or `system:…`.
    actor: String,
    /// Why, if that was said.
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StepBody {
    status: OrderStatus,
    previous_status: Option<OrderStatus>,
    reason: Option<String>,
}

/// Where an order may go, and its history.
#[utoipa::path(
    get, path = "/v1/orders/{id}/transitions", operation_id = "getOrderTransitions", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when its version is still this one", example = "\"3\""),
    ),
    responses((status = 200, description = "Where it may go, and its history", body = TransitionsView, headers(("ETag" = String, description = "Its version, in quotes"))), (status = 304, description = "The caller has it already")),
    security(("token" = ["order:read"])),
)]
pub async fn list(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::OrderRead)?;
    call.params(&[])?;
    let asked = call.preconditions()?;
    let store = api.reads.turn(&call.tenant).await?;
    let order = orders::find(&*store, &call.tenant, &id).await?.order;
    let mut history = vec![];
    let mut after = 0;
    for _ in 0..PIECES {
        let piece = store
            .order_events(&call.tenant, order.id, after, PIECE)
            .await?;
        history.extend(piece.iter().filter_map(step));
        match piece.last().filter(|_| piece.len() == PIECE) {
            Some(last) => after = last.position,
            None => break,
        }
    }
    let view = TransitionsView {
        status: order.status,
        version: order.version,
        allowed: transitions::allowed_commands(order.status),
        possible: transitions::allowed(order.status),
        history,
    };
    preconditions::show(&asked, Tag::of(order.version), &view)
}

/// The step that an event records; `None` for an event without a change of status.
fn step(logged: &LoggedEvent) -> Option<StepView> {
    let event = &logged.event;
    if !event.kind.is_order() {
        return None;
    }
    let step: StepBody = event.read_body().ok()?;
    let moved = event.kind == EventKind::OrderCreated || step.previous_status.is_some();
    moved.then(|| StepView {
        sequence: event.seq,
        kind: event.kind.as_str(),
        from: step.previous_status,
        to: step.status,
        at: event.occurred_at,
        actor: event.meta.actor.to_string(),
        reason: step.reason,
    })
}

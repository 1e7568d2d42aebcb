//! `POST /v1/orders/{id}/holds` and `…/holds/{hold}/release`: gates that keep delivery from starting.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use waybill_domain::command::Command;
use waybill_domain::ids::HoldId;
use waybill_domain::problem::code;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::command::marked;
use super::order_view::OrderView;
use super::problem::Problem;
use super::strict::Nothing;
use super::{order_request, orders, strict};
use crate::auth::Scope;
use crate::commands::{self, Commanded};

/// Why the order is held.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// Why.
    #[schema(value_type = super::schemas::HoldReason)]
    reason: String,
    /// What there is to say about it.
    note: Option<String>,
}

/// Places a hold.
#[utoipa::path(
    post, path = "/v1/orders/{id}/holds", operation_id = "placeHold", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one", example = "\"3\""),
    ),
    request_body(content = HoldBody),
    responses((status = 201, description = "The order, held", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes"))), (status = 200, description = "Held before with the same key: the order as it stands now", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["order:write"])),
)]
pub async fn place(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::OrderWrite).await?;
    let asked = call.preconditions()?;
    let body: HoldBody = strict::read(&body)?;
    let command = Command::PlaceHold {
        reason: order_request::hold_reason("reason", &body.reason)?,
        placed_by: call.identity.subject.clone(),
        note: order_request::free("note", body.note)?,
    };
    let by = orders::named(&id)?;
    let commanded =
        commands::command_order(&api.commands, &once, by, &asked, &command, &call.meta()).await;
    let Commanded { after, replayed } = commanded.map_err(orders::refused)?;
    let status = if replayed {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let answer = orders::answer(status, after)?;
    Ok(marked(answer, replayed))
}

/// Releases a hold.
#[utoipa::path(
    post, path = "/v1/orders/{id}/holds/{hold}/release", operation_id = "releaseHold", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("hold" = String, Path, description = "The hold's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one", example = "\"3\""),
    ),
    responses((status = 200, description = "The order, that hold released", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["order:write"])),
)]
pub async fn release(
    State(api): State<Arc<OrdersApi>>,
    Path((id, hold)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::OrderWrite).await?;
    let asked = call.preconditions()?;
    let Nothing {} = strict::read_or_empty(&body)?;
    let hold = HoldId::parse(&hold)
        .ok_or_else(|| Problem::new(code::INVALID_ID, "expected a UUID").of("hold"))?;
    let command = Command::ReleaseHold { hold };
    let by = orders::named(&id)?;
    let commanded =
        commands::command_order(&api.commands, &once, by, &asked, &command, &call.meta()).await;
    let Commanded { after, replayed } = commanded.map_err(orders::refused)?;
    let answer = orders::answer(StatusCode::OK, after)?;
    Ok(marked(answer, replayed))
}

//! `POST /v1/orders/{id}/retry`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;
use waybill_domain::command::Command;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::command::marked;
use super::order_view::OrderView;
use super::strict::Nothing;
use super::{orders, strict};
use crate::auth::Scope;
use crate::commands::{self, Commanded};

/// Sources a failed order again, if nothing of it has left the warehouse: the units that it lost by failing, not those
/// that were cancelled on request. Every source is asked again, the inventory service too.
#[utoipa::path(
    post, path = "/v1/orders/{id}/retry", operation_id = "retryOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one", example = "\"3\""),
    ),
    responses((status = 202, description = "The order, pending: its units are being sourced", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["order:write"])),
)]
pub async fn retry(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::OrderWrite).await?;
    let asked = call.preconditions()?;
    let Nothing {} = strict::read_or_empty(&body)?;
    let by = orders::named(&id)?;
    let command = Command::Retry;
    let commanded =
        commands::command_order(&api.commands, &once, by, &asked, &command, &call.meta()).await;
    let Commanded { after, replayed } = commanded.map_err(orders::refused)?;
    let answer = orders::answer(StatusCode::ACCEPTED, after)?;
    Ok(marked(answer, replayed))
}

//! `POST /v1/orders/{id}/lines/{line}/cancel`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;
use waybill_domain::command::Command;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::command::marked;
use super::order_view::OrderView;
use super::problem::Problem;
use super::strict::Nothing;
use super::{codes, orders, strict};
use crate::auth::Scope;
use crate::commands::{self, Commanded};

/// Cancels the units of a line. Before the order is confirmed these are all of them; from then on only those that wait
/// for stock, because the others may be leaving the warehouse. What the line has reserved is given back. With its last
/// units the order is cancelled.
#[utoipa::path(
    post, path = "/v1/orders/{id}/lines/{line}/cancel", operation_id = "cancelLine", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("line" = String, Path, description = "The line's id", example = "1"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one", example = "\"3\""),
    ),
    responses((status = 200, description = "The order without these units", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["order:cancel"])),
)]
pub async fn cancel(
    State(api): State<Arc<OrdersApi>>,
    Path((id, line)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::OrderCancel).await?;
    let asked = call.preconditions()?;
    let Nothing {} = strict::read_or_empty(&body)?;
    let line = line.parse().map_err(|_| {
        let detail = "a line's id is a number, 1 for the first";
        Problem::new(codes::LINE_NOT_FOUND, detail).of("line")
    })?;
    let command = Command::CancelLine { line };
    let by = orders::named(&id)?;
    let commanded =
        commands::command_order(&api.commands, &once, by, &asked, &command, &call.meta()).await;
    let Commanded { after, replayed } = commanded.map_err(orders::refused)?;
    let answer = orders::answer(StatusCode::OK, after)?;
    Ok(marked(answer, replayed))
}

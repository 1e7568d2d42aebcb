//! `POST /v1/orders/{id}/cancel`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use waybill_domain::command::Command;
use waybill_domain::status::OrderStatus;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::command::marked;
use super::order_view::OrderView;
use super::{order_request, orders, strict};
use crate::auth::Scope;
use crate::commands::{self, Commanded};

/// Why it is cancelled.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Why.
    #[schema(example = "changed my mind")]
    reason: Option<String>,
}

/// Asks for an order to be cancelled: 200 when it is, 202 while delivery is asked.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancel", operation_id = "cancelOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one", example = "\"3\""),
    ),
    request_body(content = Option<CancelBody>),
    responses((status = 200, description = "Cancelled", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes"))), (status = 202, description = "Delivery is asked; the order tells what becomes of it", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["order:cancel"])),
)]
pub async fn cancel(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::OrderCancel).await?;
    let asked = call.preconditions()?;
    let body: CancelBody = strict::read_or_empty(&body)?;
    let command = Command::Cancel {
        reason: order_request::free("reason", body.reason)?,
    };
    let by = orders::named(&id)?;
    let commanded =
        commands::command_order(&api.commands, &once, by, &asked, &command, &call.meta()).await;
    let Commanded { after, replayed } = commanded.map_err(orders::refused)?;
    let status = match after.order.status {
        OrderStatus::Cancelling => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    let answer = orders::answer(status, after)?;
    Ok(marked(answer, replayed))
}

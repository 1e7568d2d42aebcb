//! `GET /v1/orders/{id}`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;

use super::call::{Answer, Call};
use super::order_view::OrderView;
use super::orders;
use crate::app::App;
use crate::auth::Scope;

/// One order, by id, `number:` or `ref:`.
#[utoipa::path(
    get, path = "/v1/orders/{id}", operation_id = "getOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
    ),
    responses((status = 200, description = "The order", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["order:read"])),
)]
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<String>, request: Request) -> Answer {
    let call = Call::open(&app, request.into_parts().0, Scope::OrderRead)?;
    call.params(&[])?;
    let record = orders::find(&app, &call, &id).await?;
    orders::answer(&app, StatusCode::OK, record).await
}

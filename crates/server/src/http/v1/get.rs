//! `GET /v1/orders/{id}`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::order_view::OrderView;
use super::orders::{self, Shown};
use crate::auth::Scope;

/// One order, by id, `number:` or `ref:`.
#[utoipa::path(
    get, path = "/v1/orders/{id}", operation_id = "getOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when its version is still this one", example = "\"3\""),
    ),
    responses((status = 200, description = "The order", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes"))), (status = 304, description = "The caller has it already")),
    security(("token" = ["order:read"])),
)]
pub async fn get(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::OrderRead)?;
    call.params(&[])?;
    let asked = call.preconditions()?;
    let store = api.reads.turn(&call.tenant).await?;
    let record = orders::find(&*store, &call.tenant, &id).await?;
    drop(store);
    Shown::new(record)?.answer_unless_known(&asked)
}

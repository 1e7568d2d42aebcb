//! `POST /order`: an order of one product.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::DIALECT;
use super::api::AggregatorApi;
use super::caller::Caller;
use super::take;
use crate::auth::Scope;
use crate::http::edge::Correlation;
use crate::http::v1::problem::Problem;

/// Takes an order of one product, at the price of the catalogue.
#[utoipa::path(
    post, path = "/order", operation_id = "placeShortOrder", tag = "aggregator dialect",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body again give the first answer again")),
    request_body(content = super::schemas::NewShortOrder, example = json!({"productId": "LAPTOP-001", "quantity": 1, "customerId": "test"})),
    responses((status = 200, description = "Taken, or taken before with the same key and body", headers(("Idempotent-Replayed" = Option<String>, description = "true when this is the first answer again")), body = super::answer::ShortOrderTaken, example = json!({"success": true, "orderId": "0198c0de-0000-7000-8000-000000000001"})), (status = 400, description = "A field is missing or wrong, or stock is short")),
    security(("token" = ["order:create"])),
)]
pub async fn create(
    State(api): State<Arc<AggregatorApi>>,
    Extension(correlation): Extension<Correlation>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let caller = Caller::of(&api, headers, Scope::OrderCreate)?;
    let body = api
        .requests
        .body(&DIALECT, &caller.identity, headers, body)
        .await?;
    take::short_order(&api, &caller, &correlation, headers, &body).await
}

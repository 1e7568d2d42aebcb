//! `GET /api/orders/{id}`: an order in the words of both dialects of this path.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use waybill_domain::ids::OrderId;

use super::answer::AggregatorOrder;
use super::api::AggregatorApi;
use super::caller::Caller;
use super::stored::Stored;
use crate::auth::Scope;
use crate::http::dialects::sales::answer as in_sales;
use crate::http::edge::Correlation;
use crate::http::json;
use crate::http::v1::problem::Problem;

/// Answers an order: `data` has it in the words of the sales dialect, and `data.order` in those of the aggregator
/// dialect. Without a token only orders of the latter are shown.
#[utoipa::path(
    get, path = "/api/orders/{order_id}", operation_id = "getSalesOrder", tag = "sales dialect",
    params(
        ("order_id" = String, Path, description = "The order's id, a UUID"),
    ),
    responses((status = 200, description = "The order", body = super::schemas::ApiOrderAnswer), (status = 404, description = "ORDER_NOT_FOUND")),
    security(("token" = ["order:read"])),
)]
pub async fn read(
    State(api): State<Arc<AggregatorApi>>,
    Extension(correlation): Extension<Correlation>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let caller = Caller::of(&api, &headers, Scope::OrderRead)?;
    let found = match OrderId::parse(&id) {
        Some(id) => caller.order(&api, id).await?,
        None => None,
    };
    let Some(record) = found else {
        // A guest is told what it would be told of an order of the sales dialect: that it needs a token.
        api.requests.access.caller(&headers, Scope::OrderRead)?;
        return Err(in_sales::not_found(&id));
    };
    let stored = Stored::read(record)?;
    let order = &stored.order;
    let mut body = String::with_capacity(720);
    body.push_str("{\"success\":true,\"data\":{");
    in_sales::order_fields(
        &mut body,
        order.id,
        order.status,
        &stored.content,
        order.created_at,
    );
    let _ = write!(
        body,
        ",\"updatedAt\":\"{}\",\"order\":{}}},\"correlationId\":{}}}",
        order.updated_at,
        json::of(&AggregatorOrder::of_stored(&stored)).0,
        json::text(&correlation.id)
    );
    Ok(json::Raw(body).into_response())
}

//! `GET /api/orders/{orderId}`.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use waybill_domain::content::Content;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_store::{Error as StoreError, OrderRef};

use super::answer;
use super::api::SalesApi;
use crate::auth::Scope;
use crate::http::edge::Correlation;
use crate::http::json;
use crate::http::v1::problem::Problem;

/// Answers an order.
#[utoipa::path(
    get, path = "/api/orders/{order_id}", operation_id = "getSalesOrder", tag = "sales dialect",
    params(
        ("order_id" = String, Path, description = "The order's id, a UUID"),
    ),
    responses((status = 200, description = "The order", body = super::schemas::SalesOrderAnswer, example = json!({"success": true, "data": {"orderId": "0198c0de-0000-7000-8000-000000000001", "status": "Pending Shipment", "customerId": "customer-123", "items": [{"productId": "product-456", "quantity": 2, "price": 29.99}], "totalAmount": 59.98, "createdAt": "2026-05-04T10:00:00Z"}, "correlationId": "0b1f"})), (status = 404, description = "ORDER_NOT_FOUND")),
    security(("token" = ["order:read"])),
)]
pub async fn read(
    State(api): State<Arc<SalesApi>>,
    Extension(correlation): Extension<Correlation>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let identity = api.requests.access.caller(&headers, Scope::OrderRead)?;
    let order_id = OrderId::parse(&id).ok_or_else(|| answer::not_found(&id))?;
    let tenant = Tenant::stored(&identity.tenant);
    let store = api.reads.turn(&tenant).await?;
    let found = store.order(&tenant, OrderRef::Id(order_id)).await?;
    drop(store);
    let record = found.ok_or_else(|| answer::not_found(&id))?;
    let content: Content = serde_json::from_str(&record.content).map_err(|error| {
        StoreError::damaged_row("an order's content", error.to_string()).because(error)
    })?;
    let order = &record.order;
    let mut body = String::with_capacity(360);
    body.push_str("{\"success\":true,\"data\":{");
    answer::order_fields(
        &mut body,
        order.id,
        order.status,
        &content,
        order.created_at,
    );
    let _ = write!(
        body,
        ",\"updatedAt\":\"{}\"}},\"correlationId\":{}}}",
        order.updated_at,
        json::text(&correlation.id)
    );
    Ok(json::Raw(body).into_response())
}

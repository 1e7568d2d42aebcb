//! `GET /orders/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use waybill_domain::content::Content;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;
use waybill_store::{Error as StoreError, OrderRef};

use super::answer::{self, ServicesOrder};
use super::api::ServicesApi;
use crate::auth::Scope;
use crate::http::json;
use crate::http::v1::problem::Problem;

/// Answers an order.
#[utoipa::path(
    get, path = "/orders/{id}", operation_id = "getServicesOrder", tag = "services dialect",
    params(("id" = String, Path, description = "The order's id, a UUID")),
    responses((status = 200, description = "The order", body = ServicesOrder<'static>, example = json!({"id": "0198c0de-0000-7000-8000-000000000001", "customer_id": "customer-123", "status": "PENDING_SHIPMENT", "total_amount": 59.98, "items": [{"product_id": "product-456", "quantity": 2, "unit_price": 29.99}], "created_at": "2026-05-04T10:00:00Z", "updated_at": "2026-05-04T10:00:00Z"})), (status = 404, description = "ORDER_NOT_FOUND")),
    security(("token" = ["order:read"])),
)]
pub async fn read(
    State(api): State<Arc<ServicesApi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let identity = api.requests.access.caller(&headers, Scope::OrderRead)?;
    let order_id = OrderId::parse(&id).ok_or_else(|| answer::order_not_found(&id))?;
    let tenant = Tenant::stored(&identity.tenant);
    let store = api.reads.turn(&tenant).await?;
    let found = store.order(&tenant, OrderRef::Id(order_id)).await?;
    drop(store);
    let record = found.ok_or_else(|| answer::order_not_found(&id))?;
    let content: Content = serde_json::from_str(&record.content).map_err(|error| {
        StoreError::damaged_row("an order's content", error.to_string()).because(error)
    })?;
    Ok(json::of(&ServicesOrder::new(&record.order, &content)).into_response())
}

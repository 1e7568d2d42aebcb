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
) -> Response {
    let identity = match api.requests.access.caller(&headers, Scope::OrderRead) {
        Ok(identity) => identity,
        Err(denied) => return answer::denied(&denied),
    };
    let Some(order_id) = OrderId::parse(&id) else {
        return answer::not_found(&id, &correlation.id);
    };
    let tenant = Tenant::stored(&identity.tenant);
    let store = match api.reads.turn(&tenant).await {
        Ok(store) => store,
        Err(error) => return answer::not_stored(&error, &correlation.id),
    };
    let record = match store.order(&tenant, OrderRef::Id(order_id)).await {
        Ok(Some(record)) => record,
        Ok(None) => return answer::not_found(&id, &correlation.id),
        Err(error) => return answer::not_stored(&error, &correlation.id),
    };
    let content: Content = match serde_json::from_str(&record.content) {
        Ok(content) => content,
        Err(error) => {
            let damaged =
                StoreError::damaged_row("an order's content", error.to_string()).because(error);
            return answer::not_stored(&damaged, &correlation.id);
        }
    };
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
    json::Raw(body).into_response()
}

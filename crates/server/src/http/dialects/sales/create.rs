//! `POST /api/orders`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderMap;
use waybill_domain::content::Personal;

use super::answer;
use super::api::SalesApi;
use super::{DIALECT, SHAPE};
use crate::auth::{Identity, Scope};
use crate::http::body::Whole;
use crate::http::dialects::item_order;
use crate::http::edge::Correlation;
use crate::http::v1::problem::Problem;
use crate::intake::draft::Draft;
use crate::intake::place;

/// Takes an order.
#[utoipa::path(
    post, path = "/api/orders", operation_id = "placeSalesOrder", tag = "sales dialect",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body again give the first answer again")),
    request_body(content = super::schemas::NewSalesOrder, example = json!({"customerId": "customer-123", "items": [{"productId": "product-456", "quantity": 2, "price": 29.99}]})),
    responses((status = 201, description = "Taken, or taken before with the same key and body", headers(("Idempotent-Replayed" = Option<String>, description = "true when this is the first answer again")), body = super::schemas::SalesOrderAnswer, example = json!({"success": true, "data": {"orderId": "0198c0de-0000-7000-8000-000000000001", "status": "Pending Shipment", "customerId": "customer-123", "items": [{"productId": "product-456", "quantity": 2, "price": 29.99}], "totalAmount": 59.98, "createdAt": "2026-05-04T10:00:00Z"}, "correlationId": "0b1f"})), (status = 400, description = "VALIDATION_ERROR"), (status = 422, description = "INSUFFICIENT_INVENTORY or IDEMPOTENCY_KEY_REUSED"), (status = 503, description = "INVENTORY_SERVICE_UNAVAILABLE, or overload")),
    security(("token" = ["order:create"])),
)]
pub async fn create(
    State(api): State<Arc<SalesApi>>,
    Extension(correlation): Extension<Correlation>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let requests = &api.requests;
    let identity = requests.access.caller(&head.headers, Scope::OrderCreate)?;
    let body = requests
        .body(&DIALECT, &identity, &head.headers, body)
        .await?;
    take(&api, &identity, &correlation, &head.headers, &body).await
}

/// Takes an order whose caller is known and whose body was read.
///
/// # Errors
/// It was not taken.
pub async fn take(
    api: &SalesApi,
    identity: &Identity,
    correlation: &Correlation,
    headers: &HeaderMap,
    body: &Whole,
) -> Result<Response, Problem> {
    let requests = &api.requests;
    let key = requests.key(&DIALECT, headers)?;
    DIALECT.key.check_order(key.as_ref(), false)?;
    let checked = match item_order::parse(body, &SHAPE, &requests.limits, api.rounding) {
        Ok(checked) => checked,
        Err(faults) => return Ok(answer::invalid(&faults, &correlation.id)),
    };
    let draft = Draft {
        dialect: DIALECT.name,
        content: checked.content,
        personal: Personal::default(),
        holds: vec![],
        compared_total: checked.compared_total,
        key,
        key_window_ms: requests.key_window_ms,
        duplicate_window_ms: 0,
        asks_inventory: true,
        meta: correlation.meta(identity),
    };
    // Boxed: it is large, and a handler is moved several times before it runs.
    let receipt = Box::pin(place::place(&api.placing, identity, draft)).await?;
    Ok(answer::created(&receipt, &correlation.id))
}

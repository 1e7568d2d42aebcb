//! `POST /api/orders`. The path is shared with the sales dialect.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use waybill_domain::problem::code;

use super::DIALECT;
use super::api::AggregatorApi;
use super::caller::Caller;
use super::shared::{Whose, may_name_a_sku, whose};
use super::take;
use crate::auth::Scope;
use crate::http::dialects::sales;
use crate::http::dialects::sales::api::SalesApi;
use crate::http::edge::Correlation;
use crate::http::v1::problem::Problem;

/// Takes an order. Items with a `sku` are of the aggregator dialect, every other body is of the sales dialect; each is
/// answered in its words.
#[utoipa::path(
    post, path = "/api/orders", operation_id = "placeSalesOrder", tag = "sales dialect",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body again give the first answer again")),
    request_body(content = super::schemas::NewApiOrder, examples(
        ("sales" = (summary = "Of the sales dialect", value = json!({"customerId": "customer-123", "items": [{"productId": "product-456", "quantity": 2, "price": 29.99}]}))),
        ("aggregator" = (summary = "Of the aggregator dialect", value = json!({"customerId": "customer-123", "items": [{"sku": "LAPTOP-001", "quantity": 12}]}))),
    )),
    responses((status = 201, description = "Taken, or taken before with the same key and body", headers(("Idempotent-Replayed" = Option<String>, description = "true when this is the first answer again")), body = super::schemas::ApiOrderTaken, example = json!({"success": true, "data": {"orderId": "0198c0de-0000-7000-8000-000000000001", "status": "Pending Shipment", "customerId": "customer-123", "items": [{"productId": "product-456", "quantity": 2, "price": 29.99}], "totalAmount": 59.98, "createdAt": "2026-05-04T10:00:00Z"}, "correlationId": "0b1f"})), (status = 400, description = "VALIDATION_ERROR; of the aggregator dialect also when stock is short"), (status = 422, description = "INSUFFICIENT_INVENTORY or IDEMPOTENCY_KEY_REUSED"), (status = 503, description = "INVENTORY_SERVICE_UNAVAILABLE, or overload")),
    security(("token" = ["order:create"])),
)]
pub async fn create(
    State(api): State<Arc<AggregatorApi>>,
    State(of_sales): State<Arc<SalesApi>>,
    Extension(correlation): Extension<Correlation>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    let requests = &api.requests;
    let caller = Caller::of(&api, headers, Scope::OrderCreate)?;
    let body = requests
        .body(&DIALECT, &caller.identity, headers, body)
        .await?;
    let whose = if caller.is_guest() || may_name_a_sku(&body) {
        whose(&body)
    } else {
        Whose::Sales
    };
    let is_ours = match whose {
        Whose::Aggregator => true,
        Whose::Neither => caller.is_guest(),
        Whose::Sales => false,
        Whose::Both => {
            let detail = "name the products of all items as sku or as productId, not as both";
            let refused = Problem::new(code::INVALID_VALUE, detail).of("items");
            let words = if caller.is_guest() {
                &DIALECT
            } else {
                &sales::DIALECT
            };
            return Ok(words.speak(Err(refused)));
        }
    };
    if is_ours {
        let taken = take::order(&api, &caller, &correlation, headers, &body);
        return Ok(DIALECT.speak(taken.await));
    }
    // A guest is no client of the sales dialect: this refuses a request without a token.
    let identity = requests.access.caller(headers, Scope::OrderCreate)?;
    sales::take(&of_sales, &identity, &correlation, headers, &body).await
}

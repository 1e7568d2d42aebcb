//! `POST /orders`. The path is shared with the sales dialect, which names the customer `customerId`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use waybill_domain::content::Personal;
use waybill_domain::problem::code;

use super::answer::ServicesOrderTaken;
use super::api::ServicesApi;
use super::{DIALECT, SHAPE};
use crate::auth::Scope;
use crate::http::dialects::item_order::{self, Fault};
use crate::http::dialects::sales;
use crate::http::dialects::sales::api::SalesApi;
use crate::http::edge::Correlation;
use crate::http::v1::command;
use crate::http::v1::problem::Problem;
use crate::http::{json, members};
use crate::intake::draft::Draft;
use crate::intake::place;

/// Takes an order. Without an `Idempotency-Key`, the same customer and items within the duplicate window give the first
/// order again, unless it was cancelled or failed. A body with `customerId` is an order of the sales dialect, and is
/// answered in its words.
#[utoipa::path(
    post, path = "/orders", operation_id = "placeServicesOrder", tag = "services dialect",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body again give the first answer again")),
    request_body(content = super::schemas::NewOrderOfEither, example = json!({"customer_id": "customer-123", "items": [{"product_id": "product-456", "quantity": 2, "unit_price": 29.99}]})),
    responses((status = 201, description = "Taken, or taken before", headers(("Idempotent-Replayed" = Option<String>, description = "true when this is the first order again")), body = super::schemas::TakenOfEither, example = json!({"order_id": "0198c0de-0000-7000-8000-000000000001", "status": "PENDING_SHIPMENT", "total_amount": "59.98", "created_at": "2026-05-04T10:00:00Z"})), (status = 400, description = "VALIDATION_ERROR or PRODUCT_UNAVAILABLE"), (status = 422, description = "IDEMPOTENCY_KEY_REUSED")),
    security(("token" = ["order:create"])),
)]
pub async fn create(
    State(api): State<Arc<ServicesApi>>,
    State(of_sales): State<Arc<SalesApi>>,
    Extension(correlation): Extension<Correlation>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let requests = &api.requests;
    let identity = requests.access.caller(&head.headers, Scope::OrderCreate)?;
    let body = requests
        .body(&DIALECT, &identity, &head.headers, body)
        .await?;
    if is_of_sales(&body)? {
        let taken = sales::take(&of_sales, &identity, &correlation, &head.headers, &body);
        return Ok(sales::DIALECT.speak(taken.await));
    }
    let key = requests.key(&DIALECT, &head.headers)?;
    DIALECT.key.check_order(key.as_ref(), false)?;
    let checked = item_order::parse(&body, &SHAPE, &requests.limits, api.rounding)
        .map_err(|faults| invalid(&faults))?;
    let draft = Draft {
        dialect: DIALECT.name,
        content: checked.content,
        personal: Personal::default(),
        holds: vec![],
        compared_total: checked.compared_total,
        key,
        key_window_ms: requests.key_window_ms,
        duplicate_window_ms: api.duplicate_window_ms,
        asks_inventory: true,
        meta: correlation.meta(&identity),
    };
    // Boxed: it is large, and a handler is moved several times before it runs.
    let receipt = Box::pin(place::place(&api.placing, &identity, draft)).await?;
    let taken = json::of(&ServicesOrderTaken::new(&receipt));
    let answer = (StatusCode::CREATED, taken).into_response();
    Ok(command::marked(answer, receipt.replayed))
}

/// Whether a body is an order of the sales dialect. One that cannot be read is of this one, which then says so.
fn is_of_sales(body: &[u8]) -> Result<bool, Problem> {
    let names = [SHAPE.customer, sales::SHAPE.customer];
    let [ours, theirs] = members::members(body, names).unwrap_or_default();
    if ours.is_some() && theirs.is_some() {
        let detail = "give the customer as customer_id or as customerId, not as both";
        return Err(Problem::new(code::INVALID_VALUE, detail));
    }
    Ok(theirs.is_some())
}

/// 400 with every fault and its place.
fn invalid(faults: &[Fault]) -> Problem {
    let each = faults.iter();
    let told: Vec<String> = each
        .map(|fault| format!("{}: {}", fault.place, fault.message))
        .collect();
    Problem::new(code::INVALID_VALUE, told.join("; "))
}

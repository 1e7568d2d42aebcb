//! `POST /v1/orders`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{StatusCode, header};

use super::answer::{Answer, set};
use super::apis::OrdersApi;
use super::call::{Call, versioned};
use super::command::marked;
use super::line_view::StandingLine;
use super::order_body::OrderBody;
use super::order_request::{self, Checked};
use super::order_view::{OrderView, Standing};
use super::problem_body::ProblemBody;
use super::strict;
use crate::auth::Scope;
use crate::intake::draft::Draft;
use crate::intake::place::{self, Receipt};

/// Takes an order. The same key and body again give the first answer again.
#[utoipa::path(
    post, path = "/v1/orders", operation_id = "placeOrder", tag = "orders",
    params(("Idempotency-Key" = Option<String>, Header, description = "Required unless the order has an orderNumber or clientReference", example = "web-8812")),
    request_body(content = OrderBody<'static>, examples(
        ("small" = (summary = "Only what is required", value = json!({"currency": "EUR", "lines": [{"sku": "MUG-1", "quantity": 2, "unitPrice": "12.90"}]}))),
        ("full" = (summary = "With everything", value = json!(super::examples::full_order()))),
    )),
    responses(
        (status = 201, description = "Taken, or taken before with the same key and body", body = OrderView<'static>, headers(
            ("Location" = String, description = "Where the order is"),
            ("ETag" = String, description = "Its version, in quotes"),
            ("Idempotent-Replayed" = Option<String>, description = "true when this is the first answer again"),
        )),
        (status = 422, description = "The total does not add up, there is not enough stock, or the key was used before with another body", body = ProblemBody, content_type = "application/problem+json", example = json!(super::examples::total_mismatch())),
    ),
    security(("token" = ["order:create"])),
)]
pub async fn create(State(api): State<Arc<OrdersApi>>, request: Request) -> Answer {
    let (call, body) = Call::with_body(&api.requests, request, Scope::OrderCreate).await?;
    let key = api.requests.key(call.dialect, &call.head.headers)?;
    let Checked {
        content,
        personal,
        holds,
        compared_total,
    } = order_request::check(strict::read(&body)?, &api.requests.limits, api.rounding)?;
    let is_named = content.order_number.is_some() || content.client_reference.is_some();
    call.dialect.key.check_order(key.as_ref(), is_named)?;
    let draft = Draft {
        dialect: call.dialect.name,
        content,
        personal,
        holds,
        compared_total,
        key,
        key_window_ms: api.requests.key_window_ms,
        duplicate_window_ms: 0,
        asks_inventory: true,
        meta: call.meta(),
    };
    let receipt = place::place(&api.placing, &call.identity, draft).await?;
    Ok(created(&receipt))
}

/// The answer to a new or repeated order: the order as it was when it was made.
fn created(receipt: &Receipt) -> Response {
    let birth = &receipt.birth;
    let lines = birth.lines.iter();
    let standing = Standing {
        id: receipt.id,
        number: &receipt.number,
        status: birth.status,
        version: birth.version,
        lines: lines
            .map(|(vendor, q)| StandingLine {
                vendor: vendor.as_ref(),
                sources: &[],
                quantities: *q,
            })
            .collect(),
        holds: &receipt.holds,
        shipments: Some(&[]),
        created_at: receipt.created_at,
        updated_at: receipt.created_at,
        completed_at: None,
        cancelled_at: None,
        cancel_reason: None,
        is_stored: receipt.replayed,
    };
    let view = OrderView::new(&standing, &receipt.content, &receipt.personal);
    let mut response = versioned(StatusCode::CREATED, birth.version, &view);
    let location = format!("/v1/orders/{}", receipt.id);
    set(&mut response, header::LOCATION, &location);
    marked(response, receipt.replayed)
}

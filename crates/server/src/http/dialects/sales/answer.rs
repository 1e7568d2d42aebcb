//! The sales dialect's answers, field by field as its clients expect them.

use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use waybill_domain::content::Content;
use waybill_domain::echo::Echo;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;
use waybill_store::Error as StoreError;

use super::request::Fault;
use crate::auth::TokenError;
use crate::http::access::{self, Denied};
use crate::http::json;
use crate::intake::IntakeError;
use crate::intake::place::{PlaceError, Receipt};
use crate::inventory::InventoryError;

/// A status in this dialect's words.
pub fn status_word(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Pending
        | OrderStatus::Backordered
        | OrderStatus::Confirmed
        | OrderStatus::Processing
        | OrderStatus::PartiallyShipped
        | OrderStatus::Cancelling => "Pending Shipment",
        OrderStatus::Shipped => "Shipped",
        OrderStatus::Delivered => "Delivered",
        OrderStatus::Cancelled => "Cancelled",
        OrderStatus::Failed => "Failed",
    }
}

/// The fields of an order, without the braces, so that others can be added.
pub fn order_fields(
    out: &mut String,
    id: OrderId,
    status: OrderStatus,
    content: &Content,
    created_at: Time,
) {
    let customer = json::text(content.customer_id.as_deref().unwrap_or(""));
    let _ = write!(
        out,
        "\"orderId\":\"{id}\",\"status\":\"{}\",\"customerId\":{customer},\"items\":[",
        status_word(status)
    );
    for (index, line) in content.lines.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let price = line.unit_price.show_short(content.currency);
        let _ = write!(
            out,
            "{comma}{{\"productId\":{},\"quantity\":{},\"price\":{price}}}",
            json::text(line.sku.as_str()),
            line.quantity
        );
    }
    let _ = write!(
        out,
        "],\"totalAmount\":{},\"createdAt\":\"{created_at}\"",
        content.total.show_short(content.currency)
    );
}

static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// 201, now or again.
pub fn created(receipt: &Receipt, correlation: &str) -> Response {
    let mut body = String::with_capacity(320);
    body.push_str("{\"success\":true,\"data\":{");
    order_fields(
        &mut body,
        receipt.id,
        receipt.birth.status,
        &receipt.content,
        receipt.created_at,
    );
    let _ = write!(body, "}},\"correlationId\":{}}}", json::text(correlation));
    let mut response = (StatusCode::CREATED, json::Raw(body)).into_response();
    if receipt.replayed {
        response
            .headers_mut()
            .insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    }
    response
}

/// An error in this dialect's envelope; `details` is JSON.
pub fn error(
    status: StatusCode,
    code: &str,
    message: &str,
    details: Option<&str>,
    correlation: &str,
) -> Response {
    let details = details
        .map(|d| format!(",\"details\":{d}"))
        .unwrap_or_default();
    let body = format!(
        "{{\"success\":false,\"error\":{{\"code\":{},\"message\":{}{details}}},\"correlationId\":{}}}",
        json::text(code),
        json::text(message),
        json::text(correlation)
    );
    (status, json::Raw(body)).into_response()
}

/// 400 with every fault and its path.
pub fn invalid(faults: &[Fault], correlation: &str) -> Response {
    let details: Vec<String> = faults
        .iter()
        .map(|f| {
            format!(
                "{{\"path\":{},\"message\":{}}}",
                f.path,
                json::text(&f.message)
            )
        })
        .collect();
    let details = format!("[{}]", details.join(","));
    error(
        StatusCode::BAD_REQUEST,
        "VALIDATION_ERROR",
        "Invalid request data",
        Some(&details),
        correlation,
    )
}

/// 404.
pub fn not_found(id: &str, correlation: &str) -> Response {
    error(
        StatusCode::NOT_FOUND,
        "ORDER_NOT_FOUND",
        &format!("Order {} not found", Echo(id)),
        None,
        correlation,
    )
}

/// 401 without a token, 403 with a bad one or one that may not.
pub fn denied(denied: &Denied) -> Response {
    let (status, error, message) = match denied {
        Denied::Token(TokenError::Missing) => (
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "Authentication token required".to_owned(),
        ),
        Denied::Token(bad) => (
            StatusCode::FORBIDDEN,
            "Forbidden",
            format!("Invalid or expired token: {bad}"),
        ),
        Denied::Scope(scope) => (
            StatusCode::FORBIDDEN,
            "Forbidden",
            format!("The token lacks the scope {}", scope.name()),
        ),
    };
    let mut response = (
        status,
        json::Raw(format!(
            "{{\"error\":{},\"message\":{}}}",
            json::text(error),
            json::text(&message)
        )),
    )
        .into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            http::header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer"),
        );
    }
    response
}

/// 422 for a key that belongs to another body.
pub fn key_reused(correlation: &str) -> Response {
    let message = "This idempotency key was used before with another body";
    error(
        StatusCode::UNPROCESSABLE_ENTITY,
        "IDEMPOTENCY_KEY_REUSED",
        message,
        None,
        correlation,
    )
}

/// Why no order was made.
pub fn not_placed(error_: &PlaceError, correlation: &str) -> Response {
    match error_ {
        PlaceError::Taken { .. } => key_reused(correlation),
        PlaceError::Short(shortages) => {
            let details = shortages
                .iter()
                .map(|s| shortage(s.sku.as_str(), s.requested, s.available));
            insufficient(details, correlation)
        }
        PlaceError::UnknownSkus(skus) => insufficient(
            skus.iter().map(|sku| shortage(sku.as_str(), 1, 0)),
            correlation,
        ),
        PlaceError::Inventory(inventory) => inventory_unavailable(inventory, correlation),
        PlaceError::Intake(intake) => not_taken(intake, correlation),
    }
}

fn shortage(sku: &str, requested: i64, available: i64) -> String {
    format!(
        "{{\"productId\":{},\"requested\":{requested},\"available\":{available}}}",
        json::text(sku)
    )
}

fn insufficient(details: impl Iterator<Item = String>, correlation: &str) -> Response {
    let details = format!("[{}]", details.collect::<Vec<_>>().join(","));
    let message = "Some items are not available in requested quantities";
    error(
        StatusCode::UNPROCESSABLE_ENTITY,
        "INSUFFICIENT_INVENTORY",
        message,
        Some(&details),
        correlation,
    )
}

fn inventory_unavailable(inventory: &InventoryError, correlation: &str) -> Response {
    let mut response = error(
        StatusCode::SERVICE_UNAVAILABLE,
        "INVENTORY_SERVICE_UNAVAILABLE",
        &inventory.to_string(),
        None,
        correlation,
    );
    let after_s = match inventory {
        InventoryError::Open { retry_after_ms } => retry_after_ms.div_ceil(1_000).max(1),
        InventoryError::Failed(_) | InventoryError::Timeout { .. } => 1,
    };
    response
        .headers_mut()
        .insert(http::header::RETRY_AFTER, HeaderValue::from(after_s));
    response
}

/// Why the intake did not take it.
pub fn not_taken(intake: &IntakeError, correlation: &str) -> Response {
    match intake {
        IntakeError::TimedOut { .. } => access::come_back(
            StatusCode::REQUEST_TIMEOUT,
            "Request Timeout",
            &intake.to_string(),
            correlation,
            1,
        ),
        IntakeError::Full { .. } | IntakeError::Closed => access::come_back(
            StatusCode::SERVICE_UNAVAILABLE,
            "Service Temporarily Unavailable",
            &intake.to_string(),
            correlation,
            1,
        ),
        IntakeError::Store(store) => not_stored(store, correlation),
    }
}

/// What the store could not do.
pub fn not_stored(store: &StoreError, correlation: &str) -> Response {
    match store {
        StoreError::DiskFull => error(
            StatusCode::INSUFFICIENT_STORAGE,
            "INSUFFICIENT_STORAGE",
            "The disk is full; nothing was stored",
            None,
            correlation,
        ),
        StoreError::OutcomeUnknown => error(
            StatusCode::SERVICE_UNAVAILABLE,
            "OUTCOME_UNKNOWN",
            &store.to_string(),
            None,
            correlation,
        ),
        other if other.is_retryable() => access::come_back(
            StatusCode::SERVICE_UNAVAILABLE,
            "Service Temporarily Unavailable",
            &other.to_string(),
            correlation,
            1,
        ),
        other => {
            tracing::error!(
                error = waybill_store::with_sources(other),
                correlation_id = correlation,
                "the store refused what it should have taken"
            );
            error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "Internal error; it was logged with this correlation id",
                None,
                correlation,
            )
        }
    }
}

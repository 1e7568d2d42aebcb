//! The sales dialect's answers, field by field as its clients expect them.

use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use waybill_domain::content::Content;
use waybill_domain::echo::Echo;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;

use crate::http::dialects::item_order::Fault;
use crate::http::json;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;
use crate::intake::place::Receipt;

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

/// 201, also for a repeated request.
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

/// 400 with every fault and its path.
pub fn invalid(faults: &[Fault], correlation: &str) -> Response {
    let details: Vec<String> = faults
        .iter()
        .map(|f| {
            format!(
                "{{\"path\":{},\"message\":{}}}",
                f.place.path(),
                json::text(&f.message)
            )
        })
        .collect();
    let body = format!(
        "{{\"success\":false,\"error\":{{\"code\":\"VALIDATION_ERROR\",\"message\":\"Invalid request data\",\"details\":[{}]}},\"correlationId\":{}}}",
        details.join(","),
        json::text(correlation)
    );
    (StatusCode::BAD_REQUEST, json::Raw(body)).into_response()
}

/// 404.
pub fn not_found(id: &str) -> Problem {
    Problem::new(
        codes::ORDER_NOT_FOUND,
        format!("Order {} not found", Echo(id)),
    )
}

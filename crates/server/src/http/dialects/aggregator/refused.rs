//! Refusals of this dialect that name what is wrong with an order, and where.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use waybill_domain::echo::Echo;

use crate::http::dialects::item_fault::Fault;
use crate::http::json;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;

/// 400 for an order, with every fault and its place.
pub fn invalid(faults: &[Fault]) -> Response {
    refused("Invalid order data", details(faults))
}

/// 400 for an order of which one member is wrong.
pub fn invalid_member(problem: &Problem) -> Response {
    let detail = Detail {
        field: problem.field().to_owned(),
        message: problem.detail(),
    };
    refused("Invalid order data", vec![detail])
}

/// 400 for an order of one product, with every fault and its place.
pub fn incomplete(faults: &[Fault]) -> Response {
    let error = "productId, quantity, and customerId required";
    refused(error, details(faults))
}

/// One fault of a request.
#[derive(Serialize)]
struct Detail<'a> {
    field: String,
    message: &'a str,
}

fn details(faults: &[Fault]) -> Vec<Detail<'_>> {
    let each = faults.iter();
    each.map(|fault| Detail {
        field: fault.place.to_string(),
        message: &fault.message,
    })
    .collect()
}

#[derive(Serialize)]
struct Refused<'a> {
    success: bool,
    error: &'static str,
    details: Vec<Detail<'a>>,
}

fn refused(error: &'static str, details: Vec<Detail<'_>>) -> Response {
    let body = json::of(&Refused {
        success: false,
        error,
        details,
    });
    (StatusCode::BAD_REQUEST, body).into_response()
}

/// 404.
pub fn not_found(id: &str) -> Problem {
    let detail = format!("Order {} not found", Echo(id));
    Problem::new(codes::ORDER_NOT_FOUND, detail)
}

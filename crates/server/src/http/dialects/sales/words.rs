//! A problem in the words of the sales dialect.
//!
//! Three forms: refused tokens and overload are flat (`error`, `message`), everything else is an `error` with a code.

use std::borrow::Cow;

use http::StatusCode;
use serde::Deserialize;

use crate::http::json;
use crate::http::v1::problem::Problem;
use crate::http::v1::{codes, member};
use crate::http::worded::Worded;

/// Writes a problem.
pub fn words(problem: &Problem, correlation: &str) -> Worded {
    let status = status(problem);
    Worded {
        status,
        content_type: "application/json",
        body: body(problem, status, correlation),
    }
}

/// A token that is not accepted is 403 here, and only a missing one 401. A step that may not be taken is 422.
fn status(problem: &Problem) -> StatusCode {
    match problem.status() {
        StatusCode::UNAUTHORIZED if problem.code() != codes::TOKEN_MISSING => StatusCode::FORBIDDEN,
        StatusCode::CONFLICT if problem.code() == codes::INVALID_TRANSITION => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        status => status,
    }
}

fn body(problem: &Problem, status: StatusCode, correlation: &str) -> String {
    let message = json::text(&message(problem));
    let correlation = json::text(correlation);
    if let Some(error) = refused_token(status) {
        return format!("{{\"error\":{},\"message\":{message}}}", json::text(error));
    }
    if let Some(error) = overload(problem, status) {
        return format!(
            "{{\"error\":{},\"message\":{message},\"correlationId\":{correlation}}}",
            json::text(error)
        );
    }
    let error = if status == StatusCode::BAD_REQUEST {
        let path = match problem.field() {
            "" => String::new(),
            field => json::text(field),
        };
        format!(
            "\"code\":\"VALIDATION_ERROR\",\"message\":\"Invalid request data\",\"details\":[{{\"path\":[{path}],\"message\":{message}}}]"
        )
    } else {
        format!(
            "\"code\":{},\"message\":{message}{}",
            json::text(&code(problem)),
            details(problem)
        )
    };
    format!("{{\"success\":false,\"error\":{{{error}}},\"correlationId\":{correlation}}}")
}

fn refused_token(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED => Some("Unauthorized"),
        StatusCode::FORBIDDEN => Some("Forbidden"),
        _ => None,
    }
}

/// Whether a problem is overload: a retry can succeed later. A 503 that leaves it unknown whether an order was made
/// has a code of its own instead.
fn overload(problem: &Problem, status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some("Too Many Requests"),
        StatusCode::REQUEST_TIMEOUT => Some("Request Timeout"),
        StatusCode::SERVICE_UNAVAILABLE => match problem.code() {
            codes::OUTCOME_UNKNOWN | codes::INVENTORY_UNAVAILABLE => None,
            _ => Some("Service Temporarily Unavailable"),
        },
        _ => None,
    }
}

fn code(problem: &Problem) -> String {
    match problem.code() {
        codes::BODY_TOO_LARGE => "PAYLOAD_TOO_LARGE".into(),
        codes::INSUFFICIENT_STOCK | codes::UNKNOWN_SKU => "INSUFFICIENT_INVENTORY".into(),
        codes::INVENTORY_UNAVAILABLE => "INVENTORY_SERVICE_UNAVAILABLE".into(),
        codes::INVALID_TRANSITION => "INVALID_STATUS_TRANSITION".into(),
        code => code.to_ascii_uppercase(),
    }
}

/// The message that clients of this dialect know; for other problems the detail.
fn message(problem: &Problem) -> Cow<'_, str> {
    match problem.code() {
        codes::TOKEN_MISSING => "Authentication token required".into(),
        codes::INSUFFICIENT_SCOPE => {
            let scope = problem.member(member::SCOPE).unwrap_or_default();
            format!("The token lacks the scope {}", scope.trim_matches('"')).into()
        }
        codes::INSUFFICIENT_STOCK | codes::UNKNOWN_SKU => {
            "Some items are not available in requested quantities".into()
        }
        codes::KEY_REUSED => "This idempotency key was used before with another body".into(),
        codes::INSUFFICIENT_STORAGE => "The disk is full; nothing was stored".into(),
        codes::INTERNAL => "Internal error; it was logged with this correlation id".into(),
        _ if problem.status() == StatusCode::UNAUTHORIZED => {
            format!("Invalid or expired token: {}", problem.detail()).into()
        }
        _ => problem.detail().into(),
    }
}

/// What there is too little of, by product.
fn details(problem: &Problem) -> String {
    let shortages = problem.member(member::SHORTAGES).map(|told| {
        let told: Vec<Short> = serde_json::from_str(told).unwrap_or_default();
        told.into_iter()
    });
    let unknown = problem.member(member::SKUS).map(|told| {
        let skus: Vec<String> = serde_json::from_str(told).unwrap_or_default();
        skus.into_iter().map(|sku| Short {
            sku,
            requested: 1,
            available: 0,
        })
    });
    let short = shortages
        .into_iter()
        .flatten()
        .chain(unknown.into_iter().flatten());
    let items: Vec<String> = short
        .map(|short| {
            format!(
                "{{\"productId\":{},\"requested\":{},\"available\":{}}}",
                json::text(&short.sku),
                short.requested,
                short.available
            )
        })
        .collect();
    if items.is_empty() {
        return String::new();
    }
    format!(",\"details\":[{}]", items.join(","))
}

/// One entry of the problem's member `shortages`.
#[derive(Deserialize)]
struct Short {
    sku: String,
    requested: i64,
    available: i64,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_kind_of_problem_has_its_form() {
        let overload =
            |error: &str| json!({"error": error, "message": "why", "correlationId": "c"});
        let coded = |code: &str| json!({"success": false, "error": {"code": code, "message": "why"}, "correlationId": "c"});
        for (code, status, expected) in [
            (codes::RATE_LIMITED, 429, overload("Too Many Requests")),
            (codes::REQUEST_TIMEOUT, 408, overload("Request Timeout")),
            (
                codes::TOO_MANY_BODIES,
                503,
                overload("Service Temporarily Unavailable"),
            ),
            (codes::OUTCOME_UNKNOWN, 503, coded("OUTCOME_UNKNOWN")),
            (codes::NOT_FOUND, 404, coded("NOT_FOUND")),
            (codes::BODY_TOO_LARGE, 413, coded("PAYLOAD_TOO_LARGE")),
            (
                codes::TOKEN_MISSING,
                401,
                json!({"error": "Unauthorized", "message": "Authentication token required"}),
            ),
            (
                "token_expired",
                403,
                json!({"error": "Forbidden", "message": "Invalid or expired token: why"}),
            ),
            (
                codes::BODY_BROKEN,
                400,
                json!({"success": false, "error": {"code": "VALIDATION_ERROR", "message": "Invalid request data",
                    "details": [{"path": [], "message": "why"}]}, "correlationId": "c"}),
            ),
        ] {
            let worded = words(&Problem::new(code, "why"), "c");
            let body: Value = serde_json::from_str(&worded.body).expect("JSON");
            assert_eq!((worded.status.as_u16(), body), (status, expected), "{code}");
        }
    }
}

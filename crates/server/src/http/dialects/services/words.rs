//! A problem in the words of the services dialect: a code and a message.

use std::borrow::Cow;

use http::StatusCode;

use crate::http::json;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;
use crate::http::worded::Worded;

/// Writes a problem.
pub fn words(problem: &Problem, _correlation: &str) -> Worded {
    let (error, message) = (error(problem), message(problem));
    Worded {
        status: status(problem),
        content_type: "application/json",
        body: body(&error, &message),
    }
}

/// An error of this dialect.
pub fn body(error: &str, message: &str) -> String {
    let (error, message) = (json::text(error), json::text(message));
    format!("{{\"error\":{error},\"message\":{message}}}")
}

/// A product that there is not enough of is 400 here.
fn status(problem: &Problem) -> StatusCode {
    match problem.code() {
        codes::INSUFFICIENT_STOCK | codes::UNKNOWN_SKU => StatusCode::BAD_REQUEST,
        _ => problem.status(),
    }
}

fn error(problem: &Problem) -> Cow<'static, str> {
    match problem.code() {
        codes::TOKEN_MISSING => "UNAUTHORIZED".into(),
        codes::TOKEN_EXPIRED => "TOKEN_EXPIRED".into(),
        codes::INSUFFICIENT_SCOPE => "FORBIDDEN".into(),
        codes::INSUFFICIENT_STOCK | codes::UNKNOWN_SKU => "PRODUCT_UNAVAILABLE".into(),
        codes::INVENTORY_UNAVAILABLE => "INVENTORY_SERVICE_UNAVAILABLE".into(),
        codes::INVALID_TRANSITION => "INVALID_STATUS_TRANSITION".into(),
        codes::NOT_FOUND => "Not Found".into(),
        codes::BODY_TOO_LARGE => "PAYLOAD_TOO_LARGE".into(),
        codes::RATE_LIMITED => "TOO_MANY_REQUESTS".into(),
        codes::OUTCOME_UNKNOWN => "OUTCOME_UNKNOWN".into(),
        code => match problem.status() {
            StatusCode::BAD_REQUEST => "VALIDATION_ERROR".into(),
            StatusCode::UNAUTHORIZED => "INVALID_TOKEN".into(),
            StatusCode::SERVICE_UNAVAILABLE => "SERVICE_UNAVAILABLE".into(),
            _ => code.to_ascii_uppercase().into(),
        },
    }
}

fn message(problem: &Problem) -> Cow<'_, str> {
    match problem.code() {
        codes::NOT_FOUND => "Endpoint not found".into(),
        codes::INTERNAL => {
            "Internal error; it was logged with the id in the header X-Correlation-Id".into()
        }
        _ => match problem.field() {
            "" => problem.detail().into(),
            field => format!("{field}: {}", problem.detail()).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_problem_has_its_code_and_status() {
        for (code, status, error) in [
            (codes::TOKEN_MISSING, 401, "UNAUTHORIZED"),
            (codes::TOKEN_EXPIRED, 401, "TOKEN_EXPIRED"),
            ("token_bad_signature", 401, "INVALID_TOKEN"),
            (codes::INSUFFICIENT_SCOPE, 403, "FORBIDDEN"),
            (codes::BODY_BROKEN, 400, "VALIDATION_ERROR"),
            (codes::INSUFFICIENT_STOCK, 400, "PRODUCT_UNAVAILABLE"),
            (codes::UNKNOWN_SKU, 400, "PRODUCT_UNAVAILABLE"),
            (codes::ORDER_NOT_FOUND, 404, "ORDER_NOT_FOUND"),
            (codes::SHIPMENT_NOT_FOUND, 404, "SHIPMENT_NOT_FOUND"),
            (codes::INVALID_TRANSITION, 409, "INVALID_STATUS_TRANSITION"),
            (codes::BODY_TOO_LARGE, 413, "PAYLOAD_TOO_LARGE"),
            (codes::KEY_REUSED, 422, "IDEMPOTENCY_KEY_REUSED"),
            (codes::RATE_LIMITED, 429, "TOO_MANY_REQUESTS"),
            (codes::INTERNAL, 500, "INTERNAL_ERROR"),
            (codes::UNAVAILABLE, 503, "SERVICE_UNAVAILABLE"),
            (codes::OUTCOME_UNKNOWN, 503, "OUTCOME_UNKNOWN"),
            (
                codes::INVENTORY_UNAVAILABLE,
                503,
                "INVENTORY_SERVICE_UNAVAILABLE",
            ),
        ] {
            let worded = words(&Problem::new(code, "why"), "c");
            let body: Value = serde_json::from_str(&worded.body).expect("JSON");
            assert_eq!(
                (worded.status.as_u16(), &body["error"]),
                (status, &json!(error))
            );
            assert_eq!(
                body.as_object().map(serde_json::Map::len),
                Some(2),
                "{body}"
            );
        }
    }
}

//! A problem in the words of the aggregator dialect: `error` is a text for people.

use std::borrow::Cow;

use http::StatusCode;

use crate::http::json;
use crate::http::v1::problem::Problem;
use crate::http::v1::{codes, member};
use crate::http::worded::Worded;

/// Writes a problem.
pub fn words(problem: &Problem, correlation: &str) -> Worded {
    let status = status(problem);
    let error = error(problem, status);
    Worded {
        status,
        content_type: "application/json",
        body: format!(
            "{{\"success\":false,\"error\":{},\"code\":\"{}\",\"message\":{},\"correlationId\":{}}}",
            json::text(&error),
            problem.code().to_ascii_uppercase(),
            json::text(&message(problem)),
            json::text(correlation),
        ),
    }
}

/// A token that is not accepted is 403 here, as it is on the paths of the sales dialect beside these. Too little stock
/// is 400.
fn status(problem: &Problem) -> StatusCode {
    match problem.code() {
        codes::INSUFFICIENT_STOCK | codes::UNKNOWN_SKU => StatusCode::BAD_REQUEST,
        codes::TOKEN_MISSING => StatusCode::UNAUTHORIZED,
        _ if problem.status() == StatusCode::UNAUTHORIZED => StatusCode::FORBIDDEN,
        _ => problem.status(),
    }
}

fn error(problem: &Problem, status: StatusCode) -> Cow<'_, str> {
    match (status, problem.code()) {
        (_, codes::INSUFFICIENT_STOCK | codes::UNKNOWN_SKU) => {
            format!("Insufficient stock for {}", short_of(problem)).into()
        }
        (_, codes::KEY_REUSED) => {
            "IDEMPOTENCY_KEY_REUSED: this key was used before with another body".into()
        }
        (_, codes::OUTCOME_UNKNOWN) => message(problem),
        (StatusCode::UNAUTHORIZED, _) => "Unauthorized".into(),
        (StatusCode::FORBIDDEN, _) => "Forbidden".into(),
        (StatusCode::TOO_MANY_REQUESTS, _) => "Too Many Requests".into(),
        (StatusCode::REQUEST_TIMEOUT, _) => "Request Timeout".into(),
        (StatusCode::SERVICE_UNAVAILABLE, _) => "Service Temporarily Unavailable".into(),
        (StatusCode::INTERNAL_SERVER_ERROR, _) => "Internal server error".into(),
        _ => message(problem),
    }
}

/// The first sku that there is too little of.
fn short_of(problem: &Problem) -> String {
    let shortages = problem.member(member::SHORTAGES);
    let shortages = shortages.and_then(|told| serde_json::from_str::<Vec<Short>>(told).ok());
    let of_shortage = shortages.and_then(|told| told.into_iter().next().map(|short| short.sku));
    let unknown = problem.member(member::SKUS);
    let unknown = unknown.and_then(|told| serde_json::from_str::<Vec<String>>(told).ok());
    let of_unknown = unknown.and_then(|skus| skus.into_iter().next());
    of_shortage.or(of_unknown).unwrap_or_default()
}

/// One entry of the problem's member `shortages`.
#[derive(serde::Deserialize)]
struct Short {
    sku: String,
}

fn message(problem: &Problem) -> Cow<'_, str> {
    match problem.code() {
        codes::INTERNAL => "Internal error; it was logged with this correlation id".into(),
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

    fn worded(problem: &Problem) -> (u16, Value) {
        let worded = words(problem, "c");
        let body: Value = serde_json::from_str(&worded.body).expect("JSON");
        assert_eq!(
            (&body["success"], &body["correlationId"]),
            (&json!(false), &json!("c"))
        );
        (worded.status.as_u16(), body["error"].clone())
    }

    #[test]
    fn each_problem_has_its_status_and_text() {
        for (code, status, error) in [
            (codes::TOKEN_MISSING, 401, "Unauthorized"),
            (codes::TOKEN_EXPIRED, 403, "Forbidden"),
            (codes::INSUFFICIENT_SCOPE, 403, "Forbidden"),
            (codes::RATE_LIMITED, 429, "Too Many Requests"),
            (codes::OVERLOADED, 503, "Service Temporarily Unavailable"),
            (codes::OUTCOME_UNKNOWN, 503, "why"),
            (codes::INTERNAL, 500, "Internal server error"),
            (codes::ORDER_NOT_FOUND, 404, "why"),
            (codes::INVALID_TRANSITION, 409, "why"),
            (
                codes::KEY_REUSED,
                422,
                "IDEMPOTENCY_KEY_REUSED: this key was used before with another body",
            ),
        ] {
            let found = worded(&Problem::new(code, "why"));
            assert_eq!(found, (status, json!(error)), "{code}");
        }
    }

    #[test]
    fn too_little_stock_names_the_first_sku() {
        let short = Problem::new(codes::INSUFFICIENT_STOCK, "why").with(
            member::SHORTAGES,
            &json!([{"sku": "A", "requested": 2, "available": 1}, {"sku": "B", "requested": 1, "available": 0}]),
        );
        let expected = (400, json!("Insufficient stock for A"));
        assert_eq!(worded(&short), expected);
        let unknown = Problem::new(codes::UNKNOWN_SKU, "why").with(member::SKUS, &["A", "B"]);
        assert_eq!(worded(&unknown), expected);
    }
}

//! A problem in the words of the sales dialect.
//!
//! Three forms: refused tokens and overload are flat (`error`, `message`), everything else is an `error` with a code.

use http::StatusCode;

use crate::http::json;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;
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

/// A token that is not accepted is 403 here, and only a missing one 401.
fn status(problem: &Problem) -> StatusCode {
    match problem.status() {
        StatusCode::UNAUTHORIZED if problem.code() != codes::TOKEN_MISSING => StatusCode::FORBIDDEN,
        status => status,
    }
}

fn body(problem: &Problem, status: StatusCode, correlation: &str) -> String {
    let message = json::text(problem.detail());
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
            "\"code\":{},\"message\":{message}",
            json::text(&code(problem, status))
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

/// A client that waits and asks again will be served. Whether an order was made is not overload: it has a code.
fn overload(problem: &Problem, status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some("Too Many Requests"),
        StatusCode::REQUEST_TIMEOUT => Some("Request Timeout"),
        StatusCode::SERVICE_UNAVAILABLE if problem.code() != codes::OUTCOME_UNKNOWN => {
            Some("Service Temporarily Unavailable")
        }
        _ => None,
    }
}

fn code(problem: &Problem, status: StatusCode) -> String {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "PAYLOAD_TOO_LARGE".into(),
        _ => problem.code().to_ascii_uppercase(),
    }
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
                json!({"error": "Unauthorized", "message": "why"}),
            ),
            (
                "token_expired",
                403,
                json!({"error": "Forbidden", "message": "why"}),
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

//! A problem in the words of OAuth 2.0 (RFC 6749 section 5.2), for what the edge refuses before a token is asked for.

use http::StatusCode;

use super::words;
use crate::http::json;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;
use crate::http::worded::Worded;

/// Writes a problem. The names for a busy server are those of RFC 6749 section 4.1.2.1.
pub fn words(problem: &Problem, correlation: &str) -> Worded {
    let status = problem.status();
    let error = match status {
        StatusCode::NOT_FOUND => return words::words(problem, correlation),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => "temporarily_unavailable",
        StatusCode::SERVICE_UNAVAILABLE if problem.code() != codes::OUTCOME_UNKNOWN => {
            "temporarily_unavailable"
        }
        status if status.is_server_error() => "server_error",
        _ => "invalid_request",
    };
    Worded {
        status,
        content_type: "application/json",
        body: body(error, problem.detail()),
    }
}

/// An error of RFC 6749.
pub fn body(error: &str, description: &str) -> String {
    let (error, description) = (json::text(error), json::text(description));
    format!("{{\"error\":{error},\"error_description\":{description}}}")
}

//! A server's refusal, in any dialect.
//!
//! Owns reading problem+json and the three dialects' error bodies into one `Refusal`, and showing it
//! to a person. A body that is none of these is shown as it is, shortened.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use waybill_domain::echo::{Echo, sentence};

use crate::cli::cell::Cell;

/// How much of an unreadable body is shown.
const SHOWN_BODY_CHARS: usize = 300;

/// An answer that is not a success.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: StatusCode,
    /// The stable code (`total_mismatch`, `VALIDATION_ERROR`), where the body has one.
    pub code: Option<String>,
    /// The sentence for a person.
    pub message: String,
    /// The field that is wrong, where the server names one.
    pub field: Option<String>,
    /// What would be allowed instead (refused transitions).
    pub allowed: Vec<String>,
    pub correlation_id: Option<String>,
    pub retry_after: Option<Duration>,
    /// The body as JSON, for `--json`.
    pub body: Value,
}

impl Refusal {
    /// Reads an error body; never fails, because a bad error body must not hide the error.
    #[must_use]
    pub fn read(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Self {
        let Ok(value @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
            return Self::unreadable(status, body, retry_after);
        };
        let text =
            |from: &Value, name: &str| from.get(name).and_then(Value::as_str).map(str::to_owned);
        let error = &value["error"];
        let title = text(&value, "title");
        // In order: problem+json, sales' nested error, the flat `{"error","message"}` of services and
        // of refused tokens, aggregator's bare sentence.
        let code = text(&value, "code")
            .or_else(|| text(error, "code"))
            .or_else(|| {
                value
                    .get("message")
                    .and_then(|_| error.as_str())
                    .map(str::to_owned)
            });
        let message = text(&value, "detail")
            .or_else(|| text(error, "message"))
            .or_else(|| text(&value, "message"))
            .or_else(|| text(&value, "error_description"))
            .or_else(|| title.clone())
            .or_else(|| error.as_str().map(str::to_owned))
            .unwrap_or_else(|| reason(status));
        let message = match title {
            Some(title) if title != message => format!("{title}: {message}"),
            _ => message,
        };
        let allowed = value["allowed"].as_array().map_or_else(Vec::new, |list| {
            list.iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .map(|item| Echo(&item).to_string())
                .collect()
        });
        Self {
            status,
            code: code.map(|code| Echo(&code).to_string()),
            message: sentence(with_details(message, &error["details"])),
            field: text(&value, "field").map(|field| Echo(&field).to_string()),
            allowed,
            correlation_id: text(&value, "correlationId").map(sentence),
            retry_after,
            body: value,
        }
    }

    fn unreadable(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Self {
        let text = String::from_utf8_lossy(body);
        let shown: String = text.trim().chars().take(SHOWN_BODY_CHARS).collect();
        Self {
            status,
            code: None,
            message: if shown.is_empty() {
                reason(status)
            } else {
                shown.clone()
            },
            field: None,
            allowed: Vec::new(),
            correlation_id: None,
            retry_after,
            body: Value::String(shown),
        }
    }
}

/// Appends `details`, in which the sales dialect lists the fault of each field.
fn with_details(message: String, details: &Value) -> String {
    let Some(details) = details.as_array().filter(|list| !list.is_empty()) else {
        return message;
    };
    let lines: Vec<String> = details
        .iter()
        .map(
            |detail| match (&detail["path"], &detail["message"], &detail["productId"]) {
                (Value::Array(path), Value::String(what), _) => {
                    let path: Vec<String> = path
                        .iter()
                        .map(|step| {
                            step.as_str()
                                .map_or_else(|| step.to_string(), str::to_owned)
                        })
                        .collect();
                    format!("{}: {what}", path.join("."))
                }
                (_, _, Value::String(sku)) => {
                    format!(
                        "{sku}: {} requested, {} available",
                        detail["requested"], detail["available"]
                    )
                }
                _ => detail.to_string(),
            },
        )
        .collect();
    format!("{message} ({})", lines.join("; "))
}

fn reason(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("refused").to_owned()
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The server's text is not trusted: control characters and line breaks are escaped.
        write!(out, "{}", Cell::new(&self.message))?;
        if let Some(field) = &self.field {
            write!(out, " [{}]", Cell::new(field))?;
        }
        write!(out, "\n  answered {}", self.status.as_u16())?;
        if let Some(code) = &self.code {
            write!(out, " {}", Cell::new(code))?;
        }
        if let Some(id) = &self.correlation_id {
            write!(out, ", correlation id {}", Cell::new(id))?;
        }
        if !self.allowed.is_empty() {
            let allowed = self.allowed.join(", ");
            write!(out, "\n  allowed now: {}", Cell::new(&allowed))?;
        }
        if let Some(wait) = self.retry_after {
            write!(out, "\n  try again in {} s", wait.as_secs())?;
        }
        match self.status {
            StatusCode::UNAUTHORIZED => {
                write!(
                    out,
                    "\n  the token is missing, unknown or too old; `waybill token --scope admin` makes one"
                )
            }
            StatusCode::FORBIDDEN => write!(
                out,
                "\n  the token does not carry the scope that this needs"
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Refusal {
        Refusal::read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None)
    }

    #[test]
    fn a_problem_shows_title_detail_field_code_and_correlation_id() {
        let refusal = read(
            422,
            r#"{"type":"/problems/total-mismatch","title":"The total does not add up","status":422,"code":"total_mismatch",
               "detail":"lines 25.80 = 29.70; the request says 30.70","field":"total","correlationId":"c-1"}"#,
        );
        let shown = refusal.to_string();
        assert_eq!(refusal.code.as_deref(), Some("total_mismatch"));
        for part in [
            "The total does not add up: lines 25.80",
            "[total]",
            "422 total_mismatch",
            "correlation id c-1",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn a_refused_transition_lists_what_is_allowed() {
        let shown = read(
            409,
            r#"{"title":"No","code":"invalid_transition","allowed":["shipped","delivered"]}"#,
        )
        .to_string();
        assert!(shown.contains("allowed now: shipped, delivered"), "{shown}");
    }

    #[test]
    fn every_dialects_error_is_read() {
        let sales = read(
            400,
            r#"{"success":false,"error":{"code":"VALIDATION_ERROR","message":"Invalid request data",
               "details":[{"path":["items",0,"quantity"],"message":"must be at least 1"}]},"correlationId":"c-2"}"#,
        );
        assert_eq!(sales.code.as_deref(), Some("VALIDATION_ERROR"));
        assert_eq!(
            sales.message,
            "Invalid request data (items.0.quantity: must be at least 1)"
        );
        let short = read(
            422,
            r#"{"error":{"code":"INSUFFICIENT_INVENTORY","message":"Short","details":[{"productId":"m","requested":2,"available":1}]}}"#,
        );
        assert_eq!(short.message, "Short (m: 2 requested, 1 available)");
        let flat = read(
            404,
            r#"{"error":"ORDER_NOT_FOUND","message":"No such order"}"#,
        );
        assert_eq!(
            (flat.code.as_deref(), flat.message.as_str()),
            (Some("ORDER_NOT_FOUND"), "No such order")
        );
        let bare = read(400, r#"{"success":false,"error":"Invalid order data"}"#);
        assert_eq!(
            (bare.code, bare.message.as_str()),
            (None, "Invalid order data")
        );
    }

    #[test]
    fn a_body_that_is_no_error_body_is_shown_shortened() {
        assert_eq!(
            read(502, "<html>bad gateway</html>").message,
            "<html>bad gateway</html>"
        );
        assert_eq!(read(500, "").message, "Internal Server Error");
        assert_eq!(
            read(500, &"x".repeat(10_000)).message.len(),
            SHOWN_BODY_CHARS
        );
    }
}

//! One fault of a request: a stable code, the field, what is allowed and what was found.

use crate::echo::sentence;
use std::fmt;

/// Stable codes of refusals; they are part of the wire contract and never change their meaning.
pub mod code {
    pub const MALFORMED_JSON: &str = "malformed_json";
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    pub const WRONG_TYPE: &str = "wrong_type";
    pub const REQUIRED: &str = "required";
    pub const INVALID_TEXT: &str = "invalid_text";
    pub const TEXT_TOO_LONG: &str = "text_too_long";
    pub const INVALID_ID: &str = "invalid_id";
    pub const INVALID_TIME: &str = "invalid_time";
    pub const INVALID_AMOUNT: &str = "invalid_amount";
    pub const TOO_MANY_DIGITS: &str = "too_many_digits";
    pub const AMOUNT_OUT_OF_RANGE: &str = "amount_out_of_range";
    pub const UNKNOWN_CURRENCY: &str = "unknown_currency";
    pub const INVALID_QUANTITY: &str = "invalid_quantity";
    pub const TOO_MANY_LINES: &str = "too_many_lines";
    pub const INVALID_METADATA: &str = "invalid_metadata";
    pub const INVALID_VALUE: &str = "invalid_value";
    pub const TOTAL_MISMATCH: &str = "total_mismatch";
    pub const RESERVED_PREFIX: &str = "reserved_prefix";
    pub const KEY_REQUIRED: &str = "idempotency_key_required";
    pub const KEY_INVALID: &str = "idempotency_key_invalid";
}

/// One fault of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable, see [`code`].
    pub code: &'static str,
    /// The path of the field, as `lines[0].quantity`; empty for the whole body.
    pub field: String,
    /// What is allowed and what was found.
    pub detail: String,
}

impl Problem {
    /// A problem with one field.
    pub fn new(code: &'static str, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code,
            field: field.into(),
            detail: sentence(detail.into()),
        }
    }

    /// The same problem, found below `parent` (`lines[0]` + `sku` = `lines[0].sku`).
    #[must_use]
    pub fn below(mut self, parent: &str) -> Self {
        self.field = if self.field.is_empty() {
            parent.to_owned()
        } else {
            format!("{parent}.{}", self.field)
        };
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.detail)
    }
}

impl std::error::Error for Problem {}

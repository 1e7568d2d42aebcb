//! Every problem code of `/v1`, with its HTTP status and title; part of the wire contract.
//!
//! A code never changes its meaning; new ones may come. The specification at `/openapi.json` lists them from here.

use http::StatusCode;
use waybill_domain::refusal::code;

/// One kind of problem.
#[derive(Debug)]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
}

impl Kind {
    /// Its HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

pub const DUPLICATE_FIELD: &str = "duplicate_field";
pub const UNKNOWN_PARAMETER: &str = "unknown_parameter";
pub const INVALID_PARAMETER: &str = "invalid_parameter";
pub const INVALID_CURSOR: &str = "invalid_cursor";
pub const INVALID_IF_MATCH: &str = "invalid_if_match";
pub const INVALID_PATH: &str = "invalid_path";
pub const BODY_BROKEN: &str = "body_broken";
pub const BODY_TOO_LARGE: &str = "body_too_large";
pub const REQUEST_TIMEOUT: &str = "request_timeout";
pub const INSUFFICIENT_SCOPE: &str = "insufficient_scope";
pub const NOT_FOUND: &str = "not_found";
pub const ORDER_NOT_FOUND: &str = "order_not_found";
pub const HOLD_NOT_FOUND: &str = "hold_not_found";
pub const SHIPMENT_NOT_FOUND: &str = "shipment_not_found";
pub const DEAD_LETTER_NOT_FOUND: &str = "dead_letter_not_found";
pub const METHOD_NOT_ALLOWED: &str = "method_not_allowed";
pub const INVALID_TRANSITION: &str = "invalid_transition";
pub const HOLD_TOO_LATE: &str = "hold_too_late";
pub const TOO_MANY_HOLDS: &str = "too_many_holds";
pub const REFERENCE_TAKEN: &str = "reference_taken";
pub const NUMBER_TAKEN: &str = "number_taken";
pub const BELOW_RESERVED: &str = "below_reserved";
pub const GENERATION_CHANGED: &str = "generation_changed";
pub const VERSION_MISMATCH: &str = "version_mismatch";
pub const STOCK_OUT_OF_RANGE: &str = "stock_out_of_range";
pub const KEY_REUSED: &str = "idempotency_key_reused";
pub const INSUFFICIENT_STOCK: &str = "insufficient_stock";
pub const UNKNOWN_SKU: &str = "unknown_sku";
pub const RATE_LIMITED: &str = "rate_limited";
pub const INTERNAL: &str = "internal_error";
pub const OVERLOADED: &str = "overloaded";
pub const TOO_MANY_STREAMS: &str = "too_many_streams";
pub const UNAVAILABLE: &str = "unavailable";
pub const OUTCOME_UNKNOWN: &str = "outcome_unknown";
pub const INVENTORY_UNAVAILABLE: &str = "inventory_unavailable";
pub const INSUFFICIENT_STORAGE: &str = "insufficient_storage";

const fn kind_of(code: &'static str, status: u16, title: &'static str) -> Kind {
    Kind {
        code,
        status,
        title,
    }
}

/// All of them, by status.
pub const KINDS: &[Kind] = &[
    kind_of(code::MALFORMED_JSON, 400, "The body is not JSON"),
    kind_of(code::UNKNOWN_FIELD, 400, "There is no such field"),
    kind_of(DUPLICATE_FIELD, 400, "A field stands twice"),
    kind_of(code::WRONG_TYPE, 400, "A value has the wrong type"),
    kind_of(code::REQUIRED, 400, "Something required is missing"),
    kind_of(
        code::INVALID_TEXT,
        400,
        "A text has characters it must not have",
    ),
    kind_of(code::TEXT_TOO_LONG, 400, "A text is too long"),
    kind_of(code::INVALID_ID, 400, "This is no id"),
    kind_of(code::INVALID_TIME, 400, "This is no time"),
    kind_of(code::INVALID_AMOUNT, 400, "This is no amount"),
    kind_of(code::TOO_MANY_DIGITS, 400, "An amount has too many digits"),
    kind_of(code::AMOUNT_OUT_OF_RANGE, 400, "An amount is too large"),
    kind_of(code::UNKNOWN_CURRENCY, 400, "The currency is not known"),
    kind_of(code::INVALID_QUANTITY, 400, "A quantity is out of range"),
    kind_of(code::TOO_MANY_LINES, 400, "The order has too many lines"),
    kind_of(
        code::INVALID_METADATA,
        400,
        "The metadata is not acceptable",
    ),
    kind_of(
        code::INVALID_VALUE,
        400,
        "A value is not one of those allowed",
    ),
    kind_of(code::KEY_REQUIRED, 400, "An idempotency key is required"),
    kind_of(
        code::KEY_INVALID,
        400,
        "The idempotency key is not acceptable",
    ),
    kind_of(UNKNOWN_PARAMETER, 400, "There is no such parameter"),
    kind_of(INVALID_PARAMETER, 400, "A parameter is not acceptable"),
    kind_of(INVALID_CURSOR, 400, "The cursor was not made here"),
    kind_of(INVALID_IF_MATCH, 400, "If-Match cannot be read"),
    kind_of(INVALID_PATH, 400, "The request cannot be read"),
    kind_of(BODY_BROKEN, 400, "The body did not arrive whole"),
    kind_of("token_missing", 401, "A token is required"),
    kind_of("token_too_large", 401, "The token is too large"),
    kind_of("token_malformed", 401, "The token is malformed"),
    kind_of("token_unknown_key", 401, "The token's key is not known"),
    kind_of("token_bad_signature", 401, "The token's signature is wrong"),
    kind_of("token_expired", 401, "The token has expired"),
    kind_of("token_not_yet_valid", 401, "The token is not valid yet"),
    kind_of(
        "token_wrong_issuer",
        401,
        "The token's issuer is not trusted",
    ),
    kind_of(
        "token_wrong_audience",
        401,
        "The token is for another audience",
    ),
    kind_of("token_missing_claim", 401, "The token lacks a claim"),
    kind_of(INSUFFICIENT_SCOPE, 403, "The token may not do this"),
    kind_of(NOT_FOUND, 404, "There is nothing here"),
    kind_of(ORDER_NOT_FOUND, 404, "There is no such order"),
    kind_of(HOLD_NOT_FOUND, 404, "There is no such open hold"),
    kind_of(SHIPMENT_NOT_FOUND, 404, "There is no such shipment"),
    kind_of(DEAD_LETTER_NOT_FOUND, 404, "There is no such dead letter"),
    kind_of(
        METHOD_NOT_ALLOWED,
        405,
        "This path does not have this method",
    ),
    kind_of(REQUEST_TIMEOUT, 408, "It took too long"),
    kind_of(INVALID_TRANSITION, 409, "This step is not possible now"),
    kind_of(HOLD_TOO_LATE, 409, "The order cannot be held any more"),
    kind_of(TOO_MANY_HOLDS, 409, "The order has too many holds"),
    kind_of(
        REFERENCE_TAKEN,
        409,
        "The reference belongs to another order",
    ),
    kind_of(NUMBER_TAKEN, 409, "The number belongs to another order"),
    kind_of(BELOW_RESERVED, 409, "More is reserved than would be there"),
    kind_of(
        GENERATION_CHANGED,
        410,
        "The cursor is from before a restore",
    ),
    kind_of(VERSION_MISMATCH, 412, "It was changed meanwhile"),
    kind_of(BODY_TOO_LARGE, 413, "The body is too large"),
    kind_of(code::TOTAL_MISMATCH, 422, "The total does not add up"),
    kind_of(
        code::RESERVED_PREFIX,
        422,
        "The number begins with our prefix",
    ),
    kind_of(
        code::POLICY_NOT_SUPPORTED,
        422,
        "The policy is not supported yet",
    ),
    kind_of(STOCK_OUT_OF_RANGE, 422, "The count is out of range"),
    kind_of(KEY_REUSED, 422, "The idempotency key was used before"),
    kind_of(INSUFFICIENT_STOCK, 422, "There is not enough stock"),
    kind_of(UNKNOWN_SKU, 422, "The sku is not known"),
    kind_of(RATE_LIMITED, 429, "Too many requests"),
    kind_of(INTERNAL, 500, "Something is broken here"),
    kind_of(OVERLOADED, 503, "Too many orders are waiting"),
    kind_of(TOO_MANY_STREAMS, 503, "Too many streams are open"),
    kind_of(UNAVAILABLE, 503, "Not available now"),
    kind_of(OUTCOME_UNKNOWN, 503, "Whether it was done is not known"),
    kind_of(
        INVENTORY_UNAVAILABLE,
        503,
        "The inventory service does not answer",
    ),
    kind_of(INSUFFICIENT_STORAGE, 507, "The disk is full"),
];

/// The kind of a code; a code that is not listed is a defect, and says so.
#[must_use]
pub fn kind(code: &str) -> &'static Kind {
    static UNLISTED: Kind = kind_of(INTERNAL, 500, "Something is broken here");
    let found = KINDS.iter().find(|kind| kind.code == code);
    debug_assert!(found.is_some(), "the code {code} is not listed");
    found.unwrap_or(&UNLISTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_snake_case_and_stand_once() {
        let mut seen = std::collections::BTreeSet::new();
        for Kind {
            code,
            status,
            title,
        } in KINDS
        {
            assert!(seen.insert(*code), "{code} stands twice");
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{code}"
            );
            assert!((400..600).contains(status) && !title.is_empty(), "{code}");
        }
    }
}

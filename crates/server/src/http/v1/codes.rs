//! Every problem code of `/v1`, with its HTTP status, its title and what to do about it; part of the wire contract.
//!
//! A code never changes its meaning; new ones may come. The specification at `/openapi.json` and the pages below
//! `/problems` are made from this list.

use http::StatusCode;
use waybill_domain::problem::code;

/// One kind of problem.
#[derive(Debug)]
pub struct Kind {
    pub code: &'static str,
    pub status: u16,
    pub title: &'static str,
    /// What a caller should do about it, for the page of the problem.
    pub advice: &'static str,
}

impl Kind {
    /// Its HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The path of the page that explains it, which is also its `type`.
    #[must_use]
    pub fn page(&self) -> String {
        format!("/problems/{}", self.code.replace('_', "-"))
    }
}

pub const DUPLICATE_FIELD: &str = "duplicate_field";
pub const UNKNOWN_PARAMETER: &str = "unknown_parameter";
pub const INVALID_PARAMETER: &str = "invalid_parameter";
pub const CURSOR_OF_ANOTHER_LIST: &str = "cursor_of_another_list";
pub const INVALID_CURSOR: &str = "invalid_cursor";
pub const INVALID_IF_MATCH: &str = "invalid_if_match";
pub const INVALID_IF_NONE_MATCH: &str = "invalid_if_none_match";
pub const INVALID_PATH: &str = "invalid_path";
pub const INVALID_HOST: &str = "invalid_host";
pub const DUPLICATE_HEADER: &str = "duplicate_header";
pub const BODY_BROKEN: &str = "body_broken";
pub const BODY_TOO_LARGE: &str = "body_too_large";
pub const REQUEST_TIMEOUT: &str = "request_timeout";
pub const TOKEN_MISSING: &str = "token_missing";
pub const INSUFFICIENT_SCOPE: &str = "insufficient_scope";
pub const NOT_FOUND: &str = "not_found";
pub const ORDER_NOT_FOUND: &str = "order_not_found";
pub const HOLD_NOT_FOUND: &str = "hold_not_found";
pub const SHIPMENT_NOT_FOUND: &str = "shipment_not_found";
pub const STOCK_NOT_FOUND: &str = "stock_not_found";
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
pub const PRECONDITION_FAILED: &str = "precondition_failed";
pub const STOCK_OUT_OF_RANGE: &str = "stock_out_of_range";
pub const KEY_REUSED: &str = "idempotency_key_reused";
pub const INSUFFICIENT_STOCK: &str = "insufficient_stock";
pub const UNKNOWN_SKU: &str = "unknown_sku";
pub const RATE_LIMITED: &str = "rate_limited";
pub const INTERNAL: &str = "internal_error";
pub const OVERLOADED: &str = "overloaded";
pub const UNSUPPORTED_MEDIA_TYPE: &str = "unsupported_media_type";
pub const UNSUPPORTED_ENCODING: &str = "unsupported_encoding";
pub const UNSUPPORTED_TRANSFER: &str = "unsupported_transfer";
pub const MISDIRECTED: &str = "misdirected";
pub const TOO_MANY_BODIES: &str = "too_many_bodies";
pub const TOO_MANY_CONNECTIONS: &str = "too_many_connections";
pub const TOO_MANY_STREAMS: &str = "too_many_streams";
pub const UNAVAILABLE: &str = "unavailable";
pub const OUTCOME_UNKNOWN: &str = "outcome_unknown";
pub const INVENTORY_UNAVAILABLE: &str = "inventory_unavailable";
pub const INSUFFICIENT_STORAGE: &str = "insufficient_storage";

const fn kind_of(
    code: &'static str,
    status: u16,
    title: &'static str,
    advice: &'static str,
) -> Kind {
    Kind {
        code,
        status,
        title,
        advice,
    }
}

/// All of them, by status.
pub const KINDS: &[Kind] = &[
    kind_of(
        code::MALFORMED_JSON,
        400,
        "The body is not JSON",
        "Send a JSON object (RFC 8259), in UTF-8. The detail names the line and column at which reading stopped.",
    ),
    kind_of(
        code::UNKNOWN_FIELD,
        400,
        "There is no such field",
        "Remove the field, or correct its name. Fields that are not known are refused, because a wish with a slip in its name would be lost otherwise.",
    ),
    kind_of(
        DUPLICATE_FIELD,
        400,
        "A field stands twice",
        "Send the field once.",
    ),
    kind_of(
        code::WRONG_TYPE,
        400,
        "A value has the wrong type",
        "Send the type that the detail asks for. Whole numbers are written without a fraction; amounts are decimal text such as \"12.90\".",
    ),
    kind_of(
        code::REQUIRED,
        400,
        "Something required is missing",
        "Send the field that the answer names.",
    ),
    kind_of(
        code::INVALID_TEXT,
        400,
        "A text has characters it must not have",
        "Remove the characters that the detail names. Control characters are never taken.",
    ),
    kind_of(
        code::TEXT_TOO_LONG,
        400,
        "A text is too long",
        "Shorten the text to the limit in the detail.",
    ),
    kind_of(
        code::INVALID_ID,
        400,
        "This is no id",
        "Send a UUID. Where a path names an order, number:WB-000123 and ref:your-reference are taken too.",
    ),
    kind_of(
        code::INVALID_TIME,
        400,
        "This is no time",
        "Send an RFC 3339 time with its offset, such as 2026-05-04T10:00:00Z.",
    ),
    kind_of(
        code::INVALID_AMOUNT,
        400,
        "This is no amount",
        "Send the amount as decimal text, zero or more, such as \"12.90\".",
    ),
    kind_of(
        code::TOO_MANY_DIGITS,
        400,
        "An amount has too many digits",
        "Round to the digits of the currency. Prices per unit may have four more.",
    ),
    kind_of(
        code::AMOUNT_OUT_OF_RANGE,
        400,
        "An amount is too large",
        "Check the amount; if it is right, split the order.",
    ),
    kind_of(
        code::UNKNOWN_CURRENCY,
        400,
        "The currency is not known",
        "Send a currency code of ISO 4217, such as EUR.",
    ),
    kind_of(
        code::INVALID_QUANTITY,
        400,
        "A quantity is out of range",
        "Send a whole number of units within the limits in the detail.",
    ),
    kind_of(
        code::TOO_MANY_LINES,
        400,
        "The order has too many lines",
        "Split the order; the detail names the limit.",
    ),
    kind_of(
        code::INVALID_METADATA,
        400,
        "The metadata is not acceptable",
        "Send a JSON object within the limits of size, keys and depth in the detail.",
    ),
    kind_of(
        code::INVALID_VALUE,
        400,
        "A value is not one of those allowed",
        "Send one of the values that the detail lists.",
    ),
    kind_of(
        code::KEY_REQUIRED,
        400,
        "An idempotency key is required",
        "Send the header Idempotency-Key with a value of your own for each order, or give the order an orderNumber or a clientReference. It is what makes a repeated request safe.",
    ),
    kind_of(
        code::KEY_INVALID,
        400,
        "The idempotency key is not acceptable",
        "Send one Idempotency-Key of visible ASCII characters and spaces, not longer than the limit in the detail.",
    ),
    kind_of(
        UNKNOWN_PARAMETER,
        400,
        "There is no such parameter",
        "Remove the parameter, or correct its name.",
    ),
    kind_of(
        INVALID_PARAMETER,
        400,
        "A parameter is not acceptable",
        "Send what the detail asks for, once.",
    ),
    kind_of(
        INVALID_CURSOR,
        400,
        "The cursor was not made here",
        "Send a cursor as this path gave it out, unchanged; cursors of one list are not taken by another. Without one, the list begins at its beginning.",
    ),
    kind_of(
        CURSOR_OF_ANOTHER_LIST,
        400,
        "The cursor is of another list",
        "Each list takes the cursors that it gave out itself: the detail says which list gave this one out.",
    ),
    kind_of(
        INVALID_IF_NONE_MATCH,
        400,
        "If-None-Match cannot be read",
        "Send the ETag of the last answer unchanged, with its quotes, or *.",
    ),
    kind_of(
        INVALID_IF_MATCH,
        400,
        "If-Match cannot be read",
        "Send the ETag of the last answer unchanged, with its quotes.",
    ),
    kind_of(
        INVALID_PATH,
        400,
        "The request cannot be read",
        "Correct the path, the query or the headers of the request: something in them cannot be decoded.",
    ),
    kind_of(
        INVALID_HOST,
        400,
        "The header Host is not acceptable",
        "Send one Host: the name or address of the server, and its port unless it is the scheme's own.",
    ),
    kind_of(
        DUPLICATE_HEADER,
        400,
        "A header stands twice",
        "Send the header that `field` names once; of two values one would be ignored.",
    ),
    kind_of(
        BODY_BROKEN,
        400,
        "The body did not arrive whole",
        "Send the request again: the connection ended before the body did. Nothing was stored.",
    ),
    kind_of(
        TOKEN_MISSING,
        401,
        "A token is required",
        "Send the header Authorization: Bearer, followed by a token. `waybill token` makes one.",
    ),
    kind_of(
        "token_too_large",
        401,
        "The token is too large",
        "Ask the issuer of the token for fewer claims.",
    ),
    kind_of(
        "token_malformed",
        401,
        "The token is malformed",
        "Send a JWT signed with HS256, unchanged as it was issued.",
    ),
    kind_of(
        "token_unknown_key",
        401,
        "The token's key is not known",
        "Ask for a new token: the key it was signed with is not in use here, or not any more.",
    ),
    kind_of(
        "token_bad_signature",
        401,
        "The token's signature is wrong",
        "Ask for a new token. If all tokens are refused, issuer and server have different secrets.",
    ),
    kind_of(
        "token_expired",
        401,
        "The token has expired",
        "Ask for a new token. If it is new, compare the clocks of the issuer and the server.",
    ),
    kind_of(
        "token_not_yet_valid",
        401,
        "The token is not valid yet",
        "Use the token later. If it is due, compare the clocks of the issuer and the server.",
    ),
    kind_of(
        "token_wrong_issuer",
        401,
        "The token's issuer is not trusted",
        "Ask the issuer that this server trusts; its name is the setting auth.issuer.",
    ),
    kind_of(
        "token_wrong_audience",
        401,
        "The token is for another audience",
        "Ask for a token for this server; its audience is the setting auth.audience.",
    ),
    kind_of(
        "token_missing_claim",
        401,
        "The token lacks a claim",
        "Ask for a token with the claim that the detail names: exp, iss, aud, sub and scope are required.",
    ),
    kind_of(
        INSUFFICIENT_SCOPE,
        403,
        "The token may not do this",
        "Ask for a token with the scope that the answer names.",
    ),
    kind_of(
        NOT_FOUND,
        404,
        "There is nothing here",
        "Compare the path with /openapi.json. A process serves the paths of its roles only.",
    ),
    kind_of(
        ORDER_NOT_FOUND,
        404,
        "There is no such order",
        "Check the id, number or reference. Orders of other tenants are not found either.",
    ),
    kind_of(
        HOLD_NOT_FOUND,
        404,
        "There is no such open hold",
        "Read the order: its holds are listed there, and one that was released is not open any more.",
    ),
    kind_of(
        STOCK_NOT_FOUND,
        404,
        "There is no such stock row",
        "This sku is not tracked in your own warehouse. PUT a count to this path to track it.",
    ),
    kind_of(
        SHIPMENT_NOT_FOUND,
        404,
        "There is no such shipment",
        "Check the id. Shipments of other tenants are not found either.",
    ),
    kind_of(
        DEAD_LETTER_NOT_FOUND,
        404,
        "There is no such dead letter",
        "List the dead letters again: this one may have been applied or discarded meanwhile.",
    ),
    kind_of(
        METHOD_NOT_ALLOWED,
        405,
        "This path does not have this method",
        "Use one of the methods in the header Allow.",
    ),
    kind_of(
        REQUEST_TIMEOUT,
        408,
        "It took too long",
        "Send the request again, with the same Idempotency-Key if it had one. Nothing was stored by this one.",
    ),
    kind_of(
        INVALID_TRANSITION,
        409,
        "This step is not possible now",
        "Read the order or shipment: its status has changed, or does not allow this step. `allowed` lists the steps that are possible.",
    ),
    kind_of(
        HOLD_TOO_LATE,
        409,
        "The order cannot be held any more",
        "Cancel the order instead, if that is what is wanted: delivery has begun.",
    ),
    kind_of(
        TOO_MANY_HOLDS,
        409,
        "The order has too many holds",
        "Release holds that are not needed any more.",
    ),
    kind_of(
        REFERENCE_TAKEN,
        409,
        "The reference belongs to another order",
        "Read the order that `orderId` names: it has this reference. A new order needs a new one.",
    ),
    kind_of(
        NUMBER_TAKEN,
        409,
        "The number belongs to another order",
        "Read the order that `orderId` names: it has this number. A new order needs a new one.",
    ),
    kind_of(
        BELOW_RESERVED,
        409,
        "More is reserved than would be there",
        "Cancel or ship some of the orders that reserve this sku first, or count again.",
    ),
    kind_of(
        GENERATION_CHANGED,
        410,
        "The cursor is from before a restore",
        "The database was restored, and what this cursor pointed at may be gone. Begin again: read GET /v1/orders/snapshot and follow the cursor of its first page.",
    ),
    kind_of(
        VERSION_MISMATCH,
        412,
        "It was changed meanwhile",
        "Read it again, decide anew, and send the request with the new ETag.",
    ),
    kind_of(
        PRECONDITION_FAILED,
        412,
        "It is there already",
        "If-None-Match excludes what is there. Read it first, or send the request without that header to change it.",
    ),
    kind_of(
        BODY_TOO_LARGE,
        413,
        "The body is too large",
        "Send less; `limit` is the limit in bytes.",
    ),
    kind_of(
        UNSUPPORTED_MEDIA_TYPE,
        415,
        "The body must be JSON",
        "Send the body as JSON, with Content-Type: application/json.",
    ),
    kind_of(
        UNSUPPORTED_ENCODING,
        415,
        "The body is compressed",
        "Send the body as it is, without Content-Encoding.",
    ),
    kind_of(
        MISDIRECTED,
        421,
        "This server has another name",
        "Address the demo as localhost, 127.0.0.1 or [::1]. It is not made to be reached under another name; `waybill serve` is.",
    ),
    kind_of(
        code::TOTAL_MISMATCH,
        422,
        "The total does not add up",
        "Compare the sum in the detail with yours: lines minus discounts plus shipping plus fees, and taxes unless taxIncluded says that prices include them. Without `total` the sum is taken as it is.",
    ),
    kind_of(
        code::RESERVED_PREFIX,
        422,
        "The number begins with our prefix",
        "Choose order numbers that begin differently: ours begin this way.",
    ),
    kind_of(
        code::POLICY_NOT_SUPPORTED,
        422,
        "The policy is not supported yet",
        "Send the allocationPolicy reject, or none.",
    ),
    kind_of(
        STOCK_OUT_OF_RANGE,
        422,
        "The count is out of range",
        "Check the number; the detail names the limits.",
    ),
    kind_of(
        KEY_REUSED,
        422,
        "The idempotency key was used before",
        "Send a new order with a new Idempotency-Key. The order that was made with this one is `orderId`.",
    ),
    kind_of(
        INSUFFICIENT_STOCK,
        422,
        "There is not enough stock",
        "Order less of what `shortages` lists, or wait until there is more.",
    ),
    kind_of(
        UNKNOWN_SKU,
        422,
        "The sku is not known",
        "Check the skus in `skus`. One that is right must be counted first, with PUT /v1/stock/{sku}.",
    ),
    kind_of(
        RATE_LIMITED,
        429,
        "Too many requests",
        "Wait for the seconds in Retry-After. The RateLimit headers say how much is left.",
    ),
    kind_of(
        INTERNAL,
        500,
        "Something is broken here",
        "This is a defect of the server. Report the correlationId; the log has the cause under it.",
    ),
    kind_of(
        UNSUPPORTED_TRANSFER,
        501,
        "The transfer coding is not supported",
        "Send the body with a Content-Length, or with Transfer-Encoding: chunked alone.",
    ),
    kind_of(
        TOO_MANY_BODIES,
        503,
        "Too many bodies are being sent",
        "Wait for the seconds in Retry-After and send the request again, with the same Idempotency-Key. Nothing was done. The limits are the settings server.body_memory_bytes and server.client_share.",
    ),
    kind_of(
        OVERLOADED,
        503,
        "Too many orders are waiting",
        "Wait for the seconds in Retry-After and send the request again, with the same Idempotency-Key. Nothing was stored.",
    ),
    kind_of(
        TOO_MANY_CONNECTIONS,
        503,
        "Too many connections",
        "Wait for the seconds in Retry-After, and use one connection for many requests. The limits are the settings server.max_connections and server.client_share.",
    ),
    kind_of(
        TOO_MANY_STREAMS,
        503,
        "Too many streams are open",
        "Try again later, or read the order now and then. The limits are the settings server.max_streams and server.client_share.",
    ),
    kind_of(
        UNAVAILABLE,
        503,
        "Not available now",
        "Wait for the seconds in Retry-After and send the request again, with the same Idempotency-Key if it had one.",
    ),
    kind_of(
        OUTCOME_UNKNOWN,
        503,
        "Whether it was done is not known",
        "Send the same request again with the same Idempotency-Key: it tells what became of the first one, and makes no second order. A command without a key is safe to repeat with If-Match.",
    ),
    kind_of(
        INVENTORY_UNAVAILABLE,
        503,
        "The inventory service does not answer",
        "Wait for the seconds in Retry-After and send the order again, with the same Idempotency-Key. Nothing was stored.",
    ),
    kind_of(
        INSUFFICIENT_STORAGE,
        507,
        "The disk is full",
        "Nothing was stored. Reading goes on; the operator has to make room on the disk.",
    ),
];

/// The kind of a code; a code that is not listed is a defect, and says so.
#[must_use]
pub fn kind(code: &str) -> &'static Kind {
    static UNLISTED: Kind = kind_of(
        INTERNAL,
        500,
        "Something is broken here",
        "Report the correlationId.",
    );
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
            advice,
        } in KINDS
        {
            assert!(seen.insert(*code), "{code} stands twice");
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{code}"
            );
            assert!((400..600).contains(status) && !title.is_empty(), "{code}");
            assert!(advice.ends_with('.'), "{code}: advice is whole sentences");
        }
    }
}

//! Requests that cannot be read: 400.

use waybill_domain::problem::code;

use super::super::codes;
use super::kind::{Kind, kind_of};

/// By status.
pub const INVALID: &[Kind] = &[
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
        codes::DUPLICATE_FIELD,
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
        "Remove the characters that the detail names. Control characters are never taken, and identifiers have no invisible ones either. A sku is neither . nor .., which paths lose on their way.",
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
        codes::UNKNOWN_PARAMETER,
        400,
        "There is no such parameter",
        "Remove the parameter, or correct its name.",
    ),
    kind_of(
        codes::INVALID_PARAMETER,
        400,
        "A parameter is not acceptable",
        "Send what the detail asks for, once.",
    ),
    kind_of(
        codes::INVALID_CURSOR,
        400,
        "The cursor was not made here",
        "Send a cursor as this path gave it out, unchanged; cursors of one list are not taken by another. Without one, the list begins at its beginning.",
    ),
    kind_of(
        codes::CURSOR_OF_ANOTHER_LIST,
        400,
        "The cursor is of another list",
        "Each list takes the cursors that it gave out itself: the detail says which list gave this one out.",
    ),
    kind_of(
        codes::INVALID_IF_NONE_MATCH,
        400,
        "If-None-Match cannot be read",
        "Send the ETag of the last answer unchanged, with its quotes, or *.",
    ),
    kind_of(
        codes::INVALID_IF_MATCH,
        400,
        "If-Match cannot be read",
        "Send the ETag of the last answer unchanged, with its quotes.",
    ),
    kind_of(
        codes::INVALID_PATH,
        400,
        "The request cannot be read",
        "Correct the path, the query or the headers of the request: something in them cannot be decoded.",
    ),
    kind_of(
        codes::INVALID_HOST,
        400,
        "The header Host is not acceptable",
        "Send one Host: the name or address of the server, and its port unless it is the scheme's own.",
    ),
    kind_of(
        codes::DUPLICATE_HEADER,
        400,
        "A header stands twice",
        "Send the header that `field` names once; of two values one would be ignored.",
    ),
    kind_of(
        codes::BODY_BROKEN,
        400,
        "The body did not arrive whole",
        "Send the request again: the connection ended before the body did. Nothing was stored.",
    ),
    kind_of(
        codes::INVALID_HEAD,
        400,
        "The head of the request cannot be read",
        "Send a request line and header lines as RFC 9112 has them; the detail says what was found.",
    ),
];

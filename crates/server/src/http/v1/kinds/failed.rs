//! What the server could not do: 500 and above.

use super::super::codes;
use super::kind::{Kind, kind_of};

/// By status.
pub const FAILED: &[Kind] = &[
    kind_of(
        codes::INTERNAL,
        500,
        "Something is broken here",
        "This is a defect of the server. Report the correlationId; the log has the cause under it.",
    ),
    kind_of(
        codes::UNKNOWN_METHOD,
        501,
        "The method is not known",
        "Use a method of RFC 9110; `OPTIONS *` lists those that the server has.",
    ),
    kind_of(
        codes::UNSUPPORTED_TRANSFER,
        501,
        "The transfer coding is not supported",
        "Send the body with a Content-Length, or with Transfer-Encoding: chunked alone.",
    ),
    kind_of(
        codes::TOO_MANY_BODIES,
        503,
        "Too many bodies are being sent",
        "Wait for the seconds in Retry-After and send the request again, with the same Idempotency-Key. Nothing was done. The limits are the settings server.body_memory_bytes and server.client_share.",
    ),
    kind_of(
        codes::OVERLOADED,
        503,
        "Too many orders are waiting",
        "Wait for the seconds in Retry-After and send the request again, with the same Idempotency-Key. Nothing was stored.",
    ),
    kind_of(
        codes::TOO_MANY_CONNECTIONS,
        503,
        "Too many connections",
        "Wait for the seconds in Retry-After, and use one connection for many requests. The limits are the settings server.max_connections and server.client_share.",
    ),
    kind_of(
        codes::TOO_MANY_STREAMS,
        503,
        "Too many streams are open",
        "Try again later, or read the order now and then. The limits are the settings server.max_streams and server.client_share.",
    ),
    kind_of(
        codes::UNAVAILABLE,
        503,
        "Not available now",
        "Wait for the seconds in Retry-After and send the request again, with the same Idempotency-Key if it had one.",
    ),
    kind_of(
        codes::OUTCOME_UNKNOWN,
        503,
        "Whether it was done is not known",
        "Send the same request again with the same Idempotency-Key: it tells what became of the first one, and makes no second order. A command without a key is safe to repeat with If-Match.",
    ),
    kind_of(
        codes::INVENTORY_UNAVAILABLE,
        503,
        "The inventory service does not answer",
        "Wait for the seconds in Retry-After and send the order again, with the same Idempotency-Key. Nothing was stored.",
    ),
    kind_of(
        codes::INSUFFICIENT_STORAGE,
        507,
        "The disk is full",
        "Nothing was stored. Reading goes on; the operator has to make room on the disk.",
    ),
    kind_of(
        codes::UNSUPPORTED_VERSION,
        505,
        "The HTTP version is not spoken here",
        "Send the request as HTTP/1.1.",
    ),
];

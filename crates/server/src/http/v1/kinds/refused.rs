//! Requests that are not done: 401 to 429.

use waybill_domain::problem::code;

use super::super::codes;
use super::kind::{Kind, kind_of};

/// By status.
pub const REFUSED: &[Kind] = &[
    kind_of(
        codes::TOKEN_MISSING,
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
        codes::TOKEN_EXPIRED,
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
        codes::INSUFFICIENT_SCOPE,
        403,
        "The token may not do this",
        "Ask for a token with the scope that the answer names.",
    ),
    kind_of(
        codes::NOT_FOUND,
        404,
        "There is nothing here",
        "Compare the path with /openapi.json. A process serves the paths of its roles only.",
    ),
    kind_of(
        codes::ORDER_NOT_FOUND,
        404,
        "There is no such order",
        "Check the id, number or reference. Orders of other tenants are not found either.",
    ),
    kind_of(
        codes::HOLD_NOT_FOUND,
        404,
        "There is no such open hold",
        "Read the order: its holds are listed there, and one that was released is not open any more.",
    ),
    kind_of(
        codes::STOCK_NOT_FOUND,
        404,
        "There is no such stock row",
        "This sku is not tracked in your own warehouse. PUT a count to this path to track it.",
    ),
    kind_of(
        codes::SHIPMENT_NOT_FOUND,
        404,
        "There is no such shipment",
        "Check the id. Shipments of other tenants are not found either.",
    ),
    kind_of(
        codes::DEAD_LETTER_NOT_FOUND,
        404,
        "There is no such dead letter",
        "List the dead letters again: this one may have been applied or discarded meanwhile.",
    ),
    kind_of(
        codes::METHOD_NOT_ALLOWED,
        405,
        "This path does not have this method",
        "Use one of the methods in the header Allow.",
    ),
    kind_of(
        codes::REQUEST_TIMEOUT,
        408,
        "It took too long",
        "Send the request again, with the same Idempotency-Key if it had one. Nothing was stored by this one.",
    ),
    kind_of(
        codes::INVALID_TRANSITION,
        409,
        "This step is not possible now",
        "Read the order or shipment: its status has changed, or does not allow this step. `allowed` lists the steps that are possible.",
    ),
    kind_of(
        codes::HOLD_TOO_LATE,
        409,
        "The order cannot be held any more",
        "Cancel the order instead, if that is what is wanted: delivery has begun.",
    ),
    kind_of(
        codes::TOO_MANY_HOLDS,
        409,
        "The order has too many holds",
        "Release holds that are not needed any more.",
    ),
    kind_of(
        codes::REFERENCE_TAKEN,
        409,
        "The reference belongs to another order",
        "Read the order that `orderId` names: it has this reference. A new order needs a new one.",
    ),
    kind_of(
        codes::NUMBER_TAKEN,
        409,
        "The number belongs to another order",
        "Read the order that `orderId` names: it has this number. A new order needs a new one.",
    ),
    kind_of(
        codes::BELOW_RESERVED,
        409,
        "More is reserved than would be there",
        "Cancel or ship some of the orders that reserve this sku first, or count again.",
    ),
    kind_of(
        codes::STOCK_NOT_MENDABLE,
        409,
        "The stock row cannot be mended yet",
        "Do what the detail says first: count the sku, or mend the order that `waybill verify` names.",
    ),
    kind_of(
        codes::GENERATION_CHANGED,
        410,
        "The cursor is from before a restore",
        "The database was restored, and what this cursor pointed at may be gone. Begin again: read GET /v1/orders/snapshot and follow the cursor of its first page.",
    ),
    kind_of(
        codes::VERSION_MISMATCH,
        412,
        "It was changed meanwhile",
        "Read it again, decide anew, and send the request with the new ETag.",
    ),
    kind_of(
        codes::PRECONDITION_FAILED,
        412,
        "It is there already",
        "If-None-Match excludes what is there. Read it first, or send the request without that header to change it.",
    ),
    kind_of(
        codes::BODY_TOO_LARGE,
        413,
        "The body is too large",
        "Send less; `limit` is the limit in bytes.",
    ),
    kind_of(
        codes::UNSUPPORTED_MEDIA_TYPE,
        415,
        "The body must be JSON",
        "Send the body as JSON, with Content-Type: application/json.",
    ),
    kind_of(
        codes::TARGET_TOO_LONG,
        414,
        "The target of the request is too long",
        "Send a shorter path and query.",
    ),
    kind_of(
        codes::HEAD_TOO_LARGE,
        431,
        "The head of the request is too large",
        "Send fewer and shorter header lines. The limit is the setting server.head_limit_bytes.",
    ),
    kind_of(
        codes::EXPECTATION_FAILED,
        417,
        "The expectation cannot be met",
        "Send Expect: 100-continue, or no Expect.",
    ),
    kind_of(
        codes::UNSUPPORTED_ENCODING,
        415,
        "The body is compressed",
        "Send the body as it is, without Content-Encoding.",
    ),
    kind_of(
        codes::MISDIRECTED,
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
        codes::STOCK_OUT_OF_RANGE,
        422,
        "The count is out of range",
        "Check the number; the detail names the limits.",
    ),
    kind_of(
        codes::KEY_REUSED,
        422,
        "The idempotency key was used before",
        "Send a new order with a new Idempotency-Key. The order that was made with this one is `orderId`.",
    ),
    kind_of(
        codes::INSUFFICIENT_STOCK,
        422,
        "There is not enough stock",
        "Order less of what `shortages` lists, or wait until there is more.",
    ),
    kind_of(
        codes::UNKNOWN_SKU,
        422,
        "The sku is not known",
        "Check the skus in `skus`. One that is right must be counted first, with PUT /v1/stock/{sku}.",
    ),
    kind_of(
        codes::RATE_LIMITED,
        429,
        "Too many requests",
        "Wait for the seconds in Retry-After. The RateLimit headers say how much is left.",
    ),
];

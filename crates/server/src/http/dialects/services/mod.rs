//! The services dialect: `/orders`, `/delivery` and `/auth`, as two services of their own spoke them.

mod answer;
pub mod api;
mod create;
mod deliveries;
mod introspect;
mod read;
pub mod schemas;
mod status_words;
mod token;
mod token_client;
mod token_request;
mod token_words;
mod words;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::item_order::{Price, Shape};
use crate::http::dialect::{Bounds, Dialect, Media};
use crate::http::idempotency_key::{KeyNeed, KeyRule};
use crate::http::state::HttpState;

/// Its clients send orders of up to 10 MB.
const ORDER_BYTES: usize = 10 << 20;

/// A request about tokens holds a few texts, the longest of them a token.
const TOKEN_BYTES: usize = 2 * token_request::PARAMETER_CHARS;

const KEY: KeyRule = KeyRule {
    header: "Idempotency-Key",
    need: KeyNeed::None,
    chars: |limits| limits.key_chars,
};

/// What its routes about orders and shipments have in common.
pub static DIALECT: Dialect = Dialect {
    name: "services",
    prefixes: &["/orders", "/delivery"],
    words: words::words,
    bounds: |server| Bounds {
        body_bytes: ORDER_BYTES.max(server.body_limit_bytes as usize),
        ..Bounds::of_server(server)
    },
    media: Media::Json,
    key: KEY,
};

/// What its routes about tokens have in common: the words are those of OAuth 2.0 (RFC 6749).
pub static TOKENS: Dialect = Dialect {
    name: "services-tokens",
    prefixes: &["/auth"],
    words: token_words::words,
    bounds: |server| Bounds {
        body_bytes: TOKEN_BYTES,
        ..Bounds::of_server(server)
    },
    media: Media::JsonOrForm,
    key: KEY,
};

/// How it writes an order.
const SHAPE: Shape = Shape {
    customer: "customer_id",
    product: "product_id",
    price: Price::Sent {
        field: "unit_price",
        is_free_allowed: false,
    },
    numbers_are_ids: true,
};

/// The routes about orders and tokens, each with its description.
pub fn orders() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(read::read))
        .routes(routes!(token::issue))
        .routes(routes!(introspect::introspect))
}

/// The routes about shipments.
pub fn deliveries() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(deliveries::show))
        .routes(routes!(deliveries::step))
}

//! The sales dialect: `/api/orders` and `/api/metrics`. The paths that it shares with the aggregator dialect are mounted
//! there.

pub mod answer;
pub mod api;
mod metrics;
mod metrics_schemas;
pub mod schemas;
mod simulate;
mod take;
mod words;

pub use take::take;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::item_order::{Price, Shape};
use crate::http::dialect::{Bounds, Dialect, Media};
use crate::http::idempotency_key::{KeyNeed, KeyRule};
use crate::http::state::HttpState;

/// What its routes have in common.
pub static DIALECT: Dialect = Dialect {
    name: "sales",
    prefixes: &["/api"],
    words: words::words,
    bounds: Bounds::of_server,
    media: Media::Json,
    key: KEY,
};

/// Keys are optional.
pub const KEY: KeyRule = KeyRule {
    header: "Idempotency-Key",
    need: KeyNeed::None,
    chars: |limits| limits.key_chars,
};

/// How it writes an order.
pub const SHAPE: Shape = Shape {
    customer: "customerId",
    product: "productId",
    price: Price::Sent {
        field: "price",
        is_free_allowed: true,
    },
    numbers_are_ids: false,
};

/// The routes of this dialect, each with its description.
pub fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(metrics::read))
        .routes(routes!(simulate::simulate))
}

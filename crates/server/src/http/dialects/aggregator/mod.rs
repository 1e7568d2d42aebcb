//! The aggregator dialect: `/order`, and `/api/orders` as clients of an order aggregator spoke it.
//!
//! It shares paths with the sales dialect: whose order a body is says `shared`. In `demo` its calls need no token.

mod answer;
pub mod api;
mod caller;
mod cancel;
mod catalogue;
mod create;
mod details;
mod list;
mod read;
mod refused;
pub mod schemas;
mod shared;
mod short_order;
mod status_words;
mod stored;
mod take;
mod words;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::item_order::{Price, Shape};
use super::sales;
use crate::http::dialect::{Bounds, Dialect, Media};
use crate::http::state::HttpState;

/// What its routes have in common. Those below `/api` answer in its words by themselves.
pub static DIALECT: Dialect = Dialect {
    name: "aggregator",
    prefixes: &["/order"],
    words: words::words,
    bounds: Bounds::of_server,
    media: Media::Json,
    key: sales::KEY,
};

/// How it writes an order.
const SHAPE: Shape = Shape {
    customer: "customerId",
    product: "sku",
    price: Price::SentOrListed {
        field: "unitPrice",
        listed: catalogue::price,
    },
    numbers_are_ids: false,
};

/// How it writes an order of one product.
const SHORT: Shape = Shape {
    customer: "customerId",
    product: "productId",
    price: Price::Listed(catalogue::price),
    numbers_are_ids: false,
};

/// The routes of this dialect and those that it shares with the sales dialect, each with its description.
pub fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(read::read))
        .routes(routes!(cancel::cancel))
        .routes(routes!(short_order::create))
}

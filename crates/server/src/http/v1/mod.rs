//! `/v1`, the canonical API: one file per endpoint, strict in what it takes, exact in what it gives.
//!
//! A handler authenticates, parses, decides and answers, in this order. Refusals are problem+json with codes from
//! [`codes`]. Decisions are in `intake`, `commands` and `waybill-domain`.

mod amount;
mod amount_view;
mod answer;
pub mod apis;
mod archive;
pub mod bounds;
mod call;
mod cancel;
mod clients;
pub mod codes;
pub mod command;
mod create;
mod cursor;
mod dead_letters;
pub mod errors;
mod event_data;
mod event_schemas;
mod event_view;
mod events;
mod examples;
mod explain;
mod feed;
mod follow;
pub mod follower;
mod get;
mod holds;
pub mod hub;
mod inbox;
mod kept;
pub mod kinds;
mod letter;
mod line_view;
mod lines;
mod list;
pub mod member;
pub mod metadata;
mod nearest;
mod order_body;
pub mod order_request;
mod order_view;
mod orders;
mod page;
pub mod params;
mod preconditions;
pub mod problem;
pub mod problem_body;
pub mod problem_pages;
mod reconcile;
mod relay;
mod retry;
mod samples;
pub mod schemas;
mod shipment_view;
mod shipments;
mod snapshot;
mod sourcing;
mod stock;
pub mod strict;
mod transitions;
mod unreadable;
mod vendors;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::dialect::{Bounds, Dialect, Media};
use crate::http::idempotency_key::{KeyNeed, KeyRule};
use crate::http::state::HttpState;

/// What its routes have in common. Paths without a dialect's prefix use it, too.
pub static DIALECT: Dialect = Dialect {
    name: "v1",
    prefixes: &["/v1"],
    words: problem::words,
    bounds: Bounds::of_server,
    media: Media::Json,
    key: KeyRule {
        header: "Idempotency-Key",
        need: KeyNeed::UnnamedOrders,
        chars: |limits| limits.key_chars,
    },
};

/// The routes of the role `api`, each with its description.
pub fn api() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(snapshot::snapshot))
        .routes(routes!(get::get))
        .routes(routes!(events::events))
        .routes(routes!(transitions::list))
        .routes(routes!(explain::explain))
        .routes(routes!(archive::get))
        .routes(routes!(archive::restore))
        .routes(routes!(cancel::cancel))
        .routes(routes!(holds::place))
        .routes(routes!(holds::release))
        .routes(routes!(lines::cancel))
        .routes(routes!(retry::retry))
        .routes(routes!(stock::list))
        .routes(routes!(stock::get, stock::put))
        .routes(routes!(reconcile::reconcile))
        .routes(routes!(follow::stream::stream))
        .routes(routes!(follow::websocket::follow))
        .routes(routes!(feed::feed))
        .routes(routes!(clients::list, clients::create))
        .routes(routes!(clients::get))
        .routes(routes!(clients::rotate))
        .routes(routes!(clients::revoke))
        .routes(routes!(vendors::list))
        .routes(routes!(vendors::get, vendors::put))
        .routes(routes!(vendors::remove))
        .routes(routes!(vendors::sync_one))
        .routes(routes!(vendors::sync_all))
        .routes(routes!(sourcing::simulate))
}

/// The routes of the role `delivery`.
pub fn delivery() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(shipments::list))
        .routes(routes!(shipments::get))
        .routes(routes!(shipments::step))
}

/// The routes that every process has.
pub fn everywhere() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::get))
        .routes(routes!(dead_letters::redrive))
        .routes(routes!(dead_letters::discard))
        .routes(routes!(relay::get))
        .routes(routes!(relay::pause))
        .routes(routes!(relay::resume))
        .routes(routes!(relay::replay))
        .routes(routes!(inbox::get))
        .routes(routes!(inbox::adopt))
        .routes(routes!(samples::list))
}

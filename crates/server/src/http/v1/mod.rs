//! `/v1`, the canonical API: one file per endpoint, strict in what it takes, exact in what it gives.
//!
//! Handlers read like the story: who calls, what is asked, decide, answer. Refusals are problem+json with codes from
//! [`codes`]. What is decided stands in `intake`, `commands` and `waybill-domain`.

mod amount;
mod call;
mod cancel;
pub mod codes;
mod create;
mod cursor;
mod dead_letters;
mod event_view;
mod events;
mod feed;
mod get;
mod holds;
pub mod hub;
mod list;
mod metadata;
mod nearest;
mod order_body;
mod order_request;
mod order_view;
mod orders;
mod page;
mod params;
pub mod problem;
mod schemas;
mod shipment_view;
mod shipments;
mod stock;
mod stream;
mod strict;
mod transitions;

use std::sync::Arc;

use axum::routing::{get, post, put};
use axum::{Extension, Router};

use crate::app::App;
use hub::Hub;

/// The routes of `/v1`.
pub fn routes(hub: Arc<Hub>) -> Router<Arc<App>> {
    Router::new()
        .route("/v1/orders", post(create::create).get(list::list))
        .route("/v1/orders/{id}", get(get::get))
        .route("/v1/orders/{id}/events", get(events::events))
        .route("/v1/orders/{id}/transitions", get(transitions::list))
        .route(
            "/v1/orders/{id}/stream",
            get(stream::stream).layer(Extension(hub)),
        )
        .route("/v1/orders/{id}/cancel", post(cancel::cancel))
        .route("/v1/orders/{id}/holds", post(holds::place))
        .route("/v1/orders/{id}/holds/{hold}/release", post(holds::release))
        .route("/v1/events", get(feed::feed))
        .route("/v1/stock", get(stock::list))
        .route("/v1/stock/{sku}", put(stock::put))
        .route("/v1/shipments", get(shipments::list))
        .route("/v1/shipments/{id}", get(shipments::get))
        .route("/v1/shipments/{id}/status", post(shipments::step))
        .route("/v1/dead-letters", get(dead_letters::list))
        .route("/v1/dead-letters/{id}", get(dead_letters::get))
        .route("/v1/dead-letters/{id}/redrive", post(dead_letters::redrive))
        .route("/v1/dead-letters/{id}/discard", post(dead_letters::discard))
}

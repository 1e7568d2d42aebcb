//! `/v1`, the canonical API: one file per endpoint, strict in what it takes, exact in what it gives.
//!
//! Handlers read like the story: who calls, what is asked, decide, answer. Refusals are problem+json with codes from
//! [`codes`]. What is decided stands in `intake`, `commands` and `waybill-domain`.

mod amount;
mod call;
pub mod codes;
mod create;
mod cursor;
mod get;
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
mod stock;
mod strict;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};

use crate::app::App;

/// The routes of `/v1`.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/orders", post(create::create))
        .route("/v1/orders/{id}", get(get::get))
        .route("/v1/stock", get(stock::list))
        .route("/v1/stock/{sku}", put(stock::put))
}

//! The sales dialect: `/api/orders` and `/api/metrics`.

mod answer;
mod create;
mod metrics;
mod read;
mod request;
mod simulate;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// The routes of this dialect.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/orders", post(create::create))
        .route("/api/metrics", get(metrics::read))
        .route("/api/orders/{order_id}", get(read::read))
        .route(
            "/api/orders/{order_id}/simulate-delivery",
            post(simulate::simulate),
        )
}

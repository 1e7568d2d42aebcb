//! Which path leads to which handler. The routes of a role are mounted where it runs.

use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};

use super::dialects::sales;
use super::v1::hub::Hub;
use super::{edge, health, metrics, v1};
use crate::app::App;

/// All routes of this process.
#[must_use]
pub fn router(app: &Arc<App>) -> Router {
    let streams = app.settings.server.max_streams as usize;
    let hub = Hub::start(app.tail.clone(), streams, app.stopping.clone());
    Router::new()
        .route(
            "/metrics",
            get(metrics::scrape).layer(Extension(hub.clone())),
        )
        .route("/health", get(health::details))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .merge(sales::routes())
        .merge(v1::routes(hub))
        .fallback(nowhere)
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            edge::edge,
        ))
        .with_state(app.clone())
}

/// No route has this path; the edge words the answer.
async fn nowhere() -> http::StatusCode {
    http::StatusCode::NOT_FOUND
}

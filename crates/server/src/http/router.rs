//! Which path leads to which handler. The routes of a role are mounted where it runs.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::dialects::sales;
use super::{edge, health, v1};
use crate::app::App;

/// All routes of this process.
#[must_use]
pub fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/health", get(health::details))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .merge(sales::routes())
        .merge(v1::routes())
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            edge::edge,
        ))
        .with_state(app.clone())
}

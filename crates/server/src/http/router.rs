//! Which path leads to which handler. The routes of a role are mounted where it runs.

use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::dialects::sales;
use super::v1::follower;
use super::{docs, edge, health, metrics, openapi, v1};
use crate::app::App;
use crate::config::Role;

/// All routes of this process. Each is mounted with its description, so that the specification cannot differ.
pub fn router(app: &Arc<App>) -> Router {
    let hub = follower::start(app);
    let mut routes = OpenApiRouter::with_openapi(openapi::base()).merge(v1::everywhere());
    if app.settings.runs(Role::Api) {
        routes = routes.merge(v1::api(hub.clone())).merge(sales::routes());
    }
    if app.settings.runs(Role::Delivery) {
        routes = routes.merge(v1::delivery());
    }
    let (router, specification) = routes
        .routes(routes!(health::details))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::scrape).layer(Extension(hub)))
        .split_for_parts();
    let specification = openapi::complete(specification).to_json();
    let specification: Arc<str> = specification
        .expect("a specification has string keys and no fallible fields")
        .into();
    router
        .route(
            "/openapi.json",
            get(move || std::future::ready(openapi::answer(&specification))),
        )
        .merge(docs::routes())
        .merge(v1::problem_pages::routes())
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

//! Which path leads to which handler. The routes of a role are mounted where it runs.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::dialects::sales;
use super::v1::problem::Problem;
use super::v1::{codes, follower};
use super::{docs, edge, health, metrics, openapi, v1};
use crate::app::App;
use crate::config::Role;

/// All routes of this process. Each is mounted with its description, so that the specification cannot differ.
pub fn router(app: &Arc<App>) -> Router {
    let hub = follower::start(app);
    // Every process has every route, so that the specification is the same everywhere and reads go to any process;
    // what changes something is done where its role runs.
    let of_role = |routes: OpenApiRouter<Arc<App>>, role| {
        routes.layer(axum::middleware::from_fn_with_state(
            (app.clone(), role),
            only_where_it_runs,
        ))
    };
    let api = v1::api(hub.clone()).merge(sales::routes());
    let (router, specification) = OpenApiRouter::with_openapi(openapi::base())
        .merge(v1::everywhere())
        .merge(of_role(api, Role::Api))
        .merge(of_role(v1::delivery(), Role::Delivery))
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

/// Lets reads through, and everything where the role runs; else says which role does it.
async fn only_where_it_runs(
    State((app, role)): State<(Arc<App>, Role)>,
    request: Request,
    next: Next,
) -> Response {
    if request.method().is_safe() || app.settings.runs(role) {
        return next.run(request).await;
    }
    let detail = format!(
        "this process does not run the role {role}, which does this; ask a process that does (serve --roles {role})"
    );
    Problem::new(codes::NOT_FOUND, detail).into_response()
}

/// No route has this path; the edge words the answer.
async fn nowhere() -> http::StatusCode {
    http::StatusCode::NOT_FOUND
}

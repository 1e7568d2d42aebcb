//! Which path leads to which handler. The routes of a role are mounted where it runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::dialects::sales;
use super::edge::{self, Edge};
use super::state::HttpState;
use super::v1::codes;
use super::v1::problem::Problem;
use super::{docs, health, metrics, openapi, v1};
use crate::config::{Limits, Role};

/// Routes with their descriptions.
type Routes = OpenApiRouter<HttpState>;

/// All routes of this process, which runs these roles.
pub fn router(
    state: HttpState,
    edge: Arc<Edge>,
    limits: &Limits,
    roles: &BTreeSet<Role>,
) -> Router {
    // Every process has every route, so that the specification is the same everywhere and reads go to any process;
    // what changes something is done where its role runs.
    let of_role = |routes: Routes, role: Role| {
        if roles.contains(&role) {
            return routes;
        }
        routes.layer(axum::middleware::from_fn_with_state(role, only_reads))
    };
    let api = of_role(api(), Role::Api);
    let delivery = of_role(v1::delivery(), Role::Delivery);
    let (router, specification) = described(api, delivery).split_for_parts();
    let specification: Arc<str> = openapi::complete(specification, limits).into();
    router
        .route(
            "/openapi.json",
            get(move || std::future::ready(openapi::answer(&specification))),
        )
        .merge(docs::routes())
        .merge(v1::problem_pages::routes())
        .fallback(nowhere)
        .layer(axum::middleware::from_fn_with_state(edge, edge::edge))
        .with_state(state)
}

/// The specification of a server with these limits.
#[must_use]
pub fn specification(limits: &Limits) -> String {
    let routes = described(api(), v1::delivery());
    openapi::complete(routes.into_openapi(), limits)
}

/// All routes. Each is mounted with its description, so that the specification cannot differ.
fn described(api: Routes, delivery: Routes) -> Routes {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(v1::everywhere())
        .merge(api)
        .merge(delivery)
        .routes(routes!(metrics::scrape))
        .routes(routes!(health::details))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// The routes of the role `api`.
fn api() -> Routes {
    v1::api().merge(sales::routes())
}

/// Lets reads through; for everything else says which role does it.
async fn only_reads(State(role): State<Role>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
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

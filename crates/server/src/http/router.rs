//! Which path leads to which handler. The routes of a role are mounted where it runs.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::dialects::services;
use super::edge::{self, Edge};
use super::health::HealthApi;
use super::state::HttpState;
use super::v1::codes;
use super::v1::problem::Problem;
use super::{docs, health, metrics, openapi, v1};
use crate::config::Limits;

/// Routes with their descriptions.
pub type Routes = OpenApiRouter<HttpState>;

/// The routes of a role, and whether this process runs it.
pub struct RoleRoutes {
    pub name: &'static str,
    pub runs: bool,
    pub routes: Routes,
}

/// All routes of this process.
pub fn router(
    state: HttpState,
    edge: Arc<Edge>,
    limits: &Limits,
    roles: Vec<RoleRoutes>,
) -> Router {
    // Every process has every route, so that the specification is the same everywhere and any process answers reads.
    // Requests that change something need a process that runs the role.
    let routes = roles.into_iter().map(|role| {
        if role.runs {
            return role.routes;
        }
        let layer = axum::middleware::from_fn_with_state(role.name, only_reads);
        role.routes.layer(layer)
    });
    let (router, specification) = described(routes).split_for_parts();
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

/// The specification of a server with these limits and the routes of these roles.
#[must_use]
pub fn specification(limits: &Limits, roles: impl Iterator<Item = Routes>) -> String {
    openapi::complete(described(roles).into_openapi(), limits)
}

/// All routes. Each is mounted with its description, so that the specification cannot differ.
fn described(roles: impl Iterator<Item = Routes>) -> Routes {
    let everywhere = OpenApiRouter::with_openapi(openapi::base()).merge(v1::everywhere());
    roles
        .fold(everywhere, OpenApiRouter::merge)
        .routes(routes!(metrics::scrape))
        .routes(routes!(health::details))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// Lets reads through; answers everything else with 404 and the name of the role that does it.
async fn only_reads(State(role): State<&'static str>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let detail = format!(
        "this process does not run the role {role}, which does this; ask a process that does (serve --roles {role})"
    );
    Problem::new(codes::NOT_FOUND, detail).into_response()
}

/// No route has this path; the edge words the answer. Clients of two services that exchange events know one wording for
/// every path outside `/v1` and `/api`.
async fn nowhere(State(health): State<Arc<HealthApi>>, request: Request) -> Response {
    let mut response = http::StatusCode::NOT_FOUND.into_response();
    let path = request.uri().path();
    let is_of_no_dialect = !path.starts_with("/v1/") && !path.starts_with("/api/");
    if health.service.is_some() && is_of_no_dialect {
        response.extensions_mut().insert(&services::DIALECT);
    }
    response
}

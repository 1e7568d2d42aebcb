//! Which path leads to which handler. The routes of a role are mounted where it runs.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::dialects::sales;
use super::v1::problem::Problem;
use super::v1::{codes, follower};
use super::{docs, edge, health, metrics, openapi, v1};
use crate::app::App;
use crate::config::{Role, Settings};

/// Routes with their descriptions.
type Routes = OpenApiRouter<Arc<App>>;

/// All routes of this process.
pub fn router(app: &Arc<App>) -> Router {
    let hub = follower::start(app);
    // Every process has every route, so that the specification is the same everywhere and reads go to any process;
    // what changes something is done where its role runs.
    let of_role = |routes: Routes, role| {
        routes.layer(axum::middleware::from_fn_with_state(
            (app.clone(), role),
            only_where_it_runs,
        ))
    };
    let watching = v1::watching().layer(Extension(hub.clone()));
    let api = of_role(api(watching), Role::Api);
    let delivery = of_role(v1::delivery(), Role::Delivery);
    let figures = figures().layer(Extension(hub));
    let (router, specification) = described(api, delivery, figures).split_for_parts();
    let specification = openapi::complete(specification, &app.settings.limits);
    let specification: Arc<str> = specification.into();
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

/// The specification of a server with these settings.
#[must_use]
pub fn specification(settings: &Settings) -> String {
    let routes = described(api(v1::watching()), v1::delivery(), figures());
    openapi::complete(routes.into_openapi(), &settings.limits)
}

/// All routes. Each is mounted with its description, so that the specification cannot differ.
fn described(api: Routes, delivery: Routes, figures: Routes) -> Routes {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(v1::everywhere())
        .merge(api)
        .merge(delivery)
        .merge(figures)
        .routes(routes!(health::details))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// The routes of the role `api`; those that wait for news of orders need the hub.
fn api(watching: Routes) -> Routes {
    v1::api().merge(watching).merge(sales::routes())
}

/// The figures, which also count who waits at the hub.
fn figures() -> Routes {
    OpenApiRouter::new().routes(routes!(metrics::scrape))
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

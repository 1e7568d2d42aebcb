//! The sales dialect: `/api/orders` and `/api/metrics`.

mod answer;
mod create;
mod metrics;
mod metrics_schemas;
mod read;
mod request;
pub mod schemas;
mod simulate;
mod words;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::http::dialect::{Bounds, Dialect};

/// What its routes have in common.
pub static DIALECT: Dialect = Dialect {
    name: "sales",
    prefixes: &["/api"],
    words: words::words,
    bounds: Bounds::of_server,
};

/// The routes of this dialect, each with its description.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(metrics::read))
        .routes(routes!(read::read))
        .routes(routes!(simulate::simulate))
}

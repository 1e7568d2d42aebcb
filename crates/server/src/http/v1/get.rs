//! `GET /v1/orders/{id}`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;

use super::call::{Answer, Call};
use super::orders;
use crate::app::App;
use crate::auth::Scope;

/// One order, by id, `number:` or `ref:`.
pub async fn get(State(app): State<Arc<App>>, Path(id): Path<String>, request: Request) -> Answer {
    let call = Call::open(&app, request.into_parts().0, Scope::OrderRead)?;
    call.params(&[])?;
    let record = orders::find(&app, &call, &id).await?;
    orders::answer(&app, StatusCode::OK, record).await
}

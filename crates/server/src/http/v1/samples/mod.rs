//! `GET /v1/samples`: what the processes of this installation counted, slot by slot, for graphs.
//!
//! Any process answers for all. Samples are of the installation and not of a tenant; they name no order and no customer.

mod merged;
mod range;
mod view;

pub use range::PROCESS_CHARS;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;

use self::merged::Merged;
use self::range::Range;
use self::view::SamplesView;
use super::answer::Answer;
use super::apis::SamplesApi;
use super::call::Call;
use crate::auth::Scope;
use crate::http::json;

/// What all processes counted, or one of them, oldest first: 1500 slots at most. A slot in which no process ran is missing.
#[utoipa::path(
    get, path = "/v1/samples", operation_id = "listSamples", tag = "samples",
    params(
        ("from" = Option<super::schemas::Timestamp>, Query, description = "Slots that end after this time; without it, the last hour before `to`, and with step=5m the last day", example = "2026-05-04T10:00:00Z"),
        ("to" = Option<super::schemas::Timestamp>, Query, description = "Slots that begin before this time; without it, now"),
        ("step" = Option<super::schemas::SampleStep>, Query, description = "The length of a slot, `10s` without it. Slots of 10s are kept for 26 hours, of 5m for 30 days", example = "10s"),
        ("process" = Option<String>, Query, description = "Only what this process counted: an `id` of `processes`", example = "web-1/4711/018f6f1e-0000-7000-8000-000000000000"),
    ),
    responses((status = 200, description = "The slots", body = SamplesView)),
    security(("token" = ["metrics:read"])),
)]
pub async fn list(State(api): State<Arc<SamplesApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::MetricsRead)?;
    let params = call.params(&["from", "to", "step", "process"])?;
    let now = api.contexts.now();
    let range = Range::read(&params, now)?;
    let merged = Merged::read(&api.reads, &call.tenant, &range).await?;
    Ok(json::of(&SamplesView::new(&range, merged, now)).into_response())
}

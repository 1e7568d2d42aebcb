//! `/v1/inbox`: the other stores whose events this one takes, and whether it does. A person adopts the generation of a
//! store that was restored.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybill_domain::inbox::HeldReason;
use waybill_domain::time::Time;
use waybill_store::{InboxGeneration, Stats};

use super::answer::Answer;
use super::apis::InboxApi;
use super::call::Call;
use super::codes;
use super::problem::Problem;
use super::strict;
use crate::auth::Scope;
use crate::http::json;

/// What comes from other stores.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxView<'a> {
    /// The generations of other stores that were seen, by consumer, store and time.
    generations: Vec<GenerationView<'a>>,
    /// Events that wait for others before them, of all consumers.
    gaps: i64,
    /// Messages that cannot be read.
    unreadable: i64,
}

/// A generation of another store. A store gets a new one at every restore.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenerationView<'a> {
    /// Who takes its events.
    #[schema(example = "delivery-inbox")]
    consumer: &'a str,
    /// The store's id.
    store_id: &'a str,
    /// The generation.
    generation: &'a str,
    /// `stopped`: its events are not taken until it is adopted.
    #[schema(pattern = "^(taken|stopped)$", example = "taken")]
    state: &'static str,
    /// When it was first seen.
    #[schema(value_type = super::schemas::Timestamp)]
    seen_at: Time,
}

impl<'a> InboxView<'a> {
    fn new(generations: &'a [InboxGeneration], stats: &Stats) -> Self {
        let waiting = |reason: HeldReason| {
            let of = stats.held.iter().find(|(held, _)| *held == reason);
            of.map_or(0, |(_, count)| *count)
        };
        Self {
            generations: generations.iter().map(GenerationView::of).collect(),
            gaps: waiting(HeldReason::Gap),
            unreadable: waiting(HeldReason::Unreadable),
        }
    }
}

impl<'a> GenerationView<'a> {
    fn of(seen: &'a InboxGeneration) -> Self {
        Self {
            consumer: &seen.consumer,
            store_id: &seen.store_id,
            generation: &seen.generation,
            state: if seen.number.is_some() {
                "taken"
            } else {
                "stopped"
            },
            seen_at: seen.seen_at,
        }
    }
}

/// Other stores and their generations, and what waits.
#[utoipa::path(
    get, path = "/v1/inbox", operation_id = "getInbox", tag = "dead letters",
    responses((status = 200, description = "What comes from other stores", body = InboxView<'static>)),
    security(("token" = ["deadletter:read"])),
)]
pub async fn get(State(api): State<Arc<InboxApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::DeadLetterRead)?;
    call.params(&[])?;
    let reading = api.reads.turn(&call.tenant).await?;
    let generations = reading.inbox_generations().await?;
    let stats = reading.stats().await?;
    Ok(json::of(&InboxView::new(&generations, &stats)).into_response())
}

/// Which generation is adopted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptBody {
    /// As `GET /v1/inbox` shows it.
    #[schema(value_type = super::schemas::Id)]
    generation: String,
}

/// What was done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adopted {
    /// Consumers that take its events from now on; 0 when all did before.
    adopted: usize,
}

fn unknown() -> Problem {
    let detail =
        "no event of this store and generation has come; GET /v1/inbox lists those that have";
    Problem::new(codes::INBOX_GENERATION_NOT_FOUND, detail)
}

/// Takes the events of a store that goes on under a new generation, as after a restore.
///
/// Its events are compared with what was taken of its former generation: what was taken before is not taken again, and
/// an event that differs from one that the restore has lost is taken. Repeating the request changes nothing.
#[utoipa::path(
    post, path = "/v1/inbox/{store}/adopt", operation_id = "adoptGeneration", tag = "dead letters",
    params(
        ("store" = String, Path, description = "The other store's id"),
    ),
    request_body(content = AdoptBody),
    responses((status = 200, description = "Its events are taken", body = Adopted)),
    security(("token" = ["deadletter:write"])),
)]
pub async fn adopt(
    State(api): State<Arc<InboxApi>>,
    Path(store): Path<String>,
    request: Request,
) -> Answer {
    let (call, body) = Call::with_body(&api.requests, request, Scope::DeadLetterWrite).await?;
    call.params(&[])?;
    let AdoptBody { generation } = strict::read(&body)?;
    let seen = api.inbox.inbox_generations().await?;
    let is_known = seen
        .iter()
        .any(|of| of.store_id == store && of.generation == generation);
    if !is_known {
        return Err(unknown());
    }
    let adopted = api.inbox.adopt_generation(&store, &generation).await?;
    if adopted > 0 {
        let client = &call.identity.subject;
        tracing::warn!(store, generation, client, "a generation was adopted");
    }
    Ok(json::of(&Adopted { adopted }).into_response())
}

//! `/v1/dead-letters`: events that a consumer could not apply, and messages of another store that wait; a person can
//! redrive or discard them.
//!
//! Redrive and discard set a flag; the consumer that owns the event carries it out.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use waybill_domain::parked::ParkedState;
use waybill_domain::parked_place::ParkedPlace;
use waybill_store::Flag;
use waybill_store::reads::Reading;

use super::answer::Answer;
use super::apis::DeadLettersApi;
use super::call::Call;
use super::codes;
use super::command;
use super::cursor::Cursor;
use super::errors;
use super::letter::{self, DeadLetterView, Letter, Name};
use super::page::Page;
use super::problem::Problem;
use super::strict::{self, Nothing};
use crate::auth::Scope;
use crate::commands::is_key_used;
use crate::http::json;

/// Dead letters, by consumer and order.
#[utoipa::path(
    get, path = "/v1/dead-letters", operation_id = "listDeadLetters", tag = "dead letters",
    params(
        ("after" = Option<String>, Query, description = "Goes on after this cursor"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
    ),
    responses((status = 200, description = "By consumer and order", body = Page<DeadLetterView<'static>>)),
    security(("token" = ["deadletter:read"])),
)]
pub async fn list(State(api): State<Arc<DeadLettersApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::DeadLetterRead)?;
    let params = call.params(&["after", "limit"])?;
    let after = params.one("after")?.map(Cursor::dead_letter).transpose()?;
    let limit = params.limit(&api.requests.limits)?;
    let reading = api.reads.turn(&call.tenant).await?;
    let (letters, next) = letters(&reading, &call, after, limit).await?;
    let shown = letters.iter().map(|letter| letter.view(&api.identity));
    let items = shown.collect();
    let next = next.as_ref().map(Cursor::of_dead_letter);
    Ok(json::of(&Page { items, next }).into_response())
}

/// A page of parked events and of messages that wait, and the place of its last one if more may follow.
async fn letters(
    reading: &Reading,
    call: &Call,
    after: Option<ParkedPlace>,
    limit: usize,
) -> Result<(Vec<Letter>, Option<ParkedPlace>), Problem> {
    let tenant = &call.tenant;
    let parked = reading.list_parked(tenant, after.clone(), limit).await?;
    let held = reading.list_held(tenant, after, limit).await?;
    let mut letters = letter::merged(parked.items, held.items);
    letters.truncate(limit);
    let last = letters.last().filter(|_| letters.len() == limit);
    let next = last.map(Letter::place);
    Ok((letters, next))
}

fn gone() -> Problem {
    let detail = "no dead letter of yours has this id; it may have been applied meanwhile";
    Problem::new(codes::DEAD_LETTER_NOT_FOUND, detail)
}

/// One dead letter of the caller's tenant.
async fn find(api: &DeadLettersApi, call: &Call, id: &str) -> Result<Letter, Problem> {
    let name = Name::read(id)
        .filter(|_| !id.contains('\0'))
        .ok_or_else(gone)?;
    // The list begins after a cursor, so a cursor just before this dead letter returns it first.
    let after = ParkedPlace::just_before(&name.consumer, name.order).ok_or_else(gone)?;
    let reading = api.reads.turn(&call.tenant).await?;
    let (letters, _) = letters(&reading, call, Some(after), 1).await?;
    let found = letters.into_iter().find(|letter| letter.name() == name);
    found.ok_or_else(gone)
}

/// One dead letter, the whole event included.
#[utoipa::path(
    get, path = "/v1/dead-letters/{id}", operation_id = "getDeadLetter", tag = "dead letters",
    params(
        ("id" = String, Path, description = "The dead letter's id"),
    ),
    responses((status = 200, description = "The dead letter", body = DeadLetterView<'static>)),
    security(("token" = ["deadletter:read"])),
)]
pub async fn get(
    State(api): State<Arc<DeadLettersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::DeadLetterRead)?;
    call.params(&[])?;
    let letter = find(&api, &call, &id).await?;
    Ok(json::of(&letter.view(&api.identity)).into_response())
}

/// Asks for a dead letter to be tried again.
#[utoipa::path(
    post, path = "/v1/dead-letters/{id}/redrive", operation_id = "redriveDeadLetter", tag = "dead letters",
    params(
        ("id" = String, Path, description = "The dead letter's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
    ),
    responses((status = 202, description = "Flagged; its consumer tries it again", body = DeadLetterView<'static>)),
    security(("token" = ["deadletter:write"])),
)]
pub async fn redrive(
    State(api): State<Arc<DeadLettersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    flag(&api, &id, request, ParkedState::Redrive).await
}

/// Asks for a dead letter to be given up; later events of its order go on. For an event that waits for others (`gap`) the
/// missing ones are given up, and it is taken.
#[utoipa::path(
    post, path = "/v1/dead-letters/{id}/discard", operation_id = "discardDeadLetter", tag = "dead letters",
    params(
        ("id" = String, Path, description = "The dead letter's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
    ),
    responses((status = 202, description = "Flagged; its consumer gives it up", body = DeadLetterView<'static>)),
    security(("token" = ["deadletter:write"])),
)]
pub async fn discard(
    State(api): State<Arc<DeadLettersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    flag(&api, &id, request, ParkedState::Discard).await
}

async fn flag(api: &DeadLettersApi, id: &str, request: Request, state: ParkedState) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::DeadLetterWrite).await?;
    let Nothing {} = strict::read_or_empty(&body)?;
    let not_done = |error| errors::of_command(error, gone);
    if let Some(outcome) = once.done_before(&*api.claims).await.map_err(not_done)? {
        return Ok(accepted(outcome, true));
    }
    let mut letter = find(api, &call, id).await?;
    letter.flag(state);
    let shown = json::of(&letter.view(&api.identity)).0;
    let name = letter.name();
    let flag = Flag {
        consumer: name.consumer,
        order: name.order,
        row: name.row,
        state,
        claim: once.claim_with(&shown),
    };
    match api.log.flag_parked(&call.tenant, flag).await {
        Ok(true) => Ok(accepted(shown, false)),
        Ok(false) => {
            let detail = "it was applied or given up just now";
            Err(Problem::new(codes::DEAD_LETTER_NOT_FOUND, detail))
        }
        // A request with the same key was committed first; its result is answered.
        Err(error) if is_key_used(&error) => {
            let outcome = once.done_before(&*api.claims).await.map_err(not_done)?;
            Ok(accepted(outcome.unwrap_or(shown), true))
        }
        Err(error) => Err(error.into()),
    }
}

fn accepted(shown: String, replayed: bool) -> Response {
    let answer = (StatusCode::ACCEPTED, json::Raw(shown)).into_response();
    command::marked(answer, replayed)
}

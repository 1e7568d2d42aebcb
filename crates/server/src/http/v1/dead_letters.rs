//! `/v1/dead-letters`: events that a consumer could not apply; a person can redrive or discard them.
//!
//! Redrive and discard set a flag; the consumer that owns the event carries it out.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use waybill_domain::ids::OrderId;
use waybill_domain::parked::ParkedState;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::time::Time;
use waybill_store::{Flag, Identity, Parked};

use super::answer::Answer;
use super::apis::DeadLettersApi;
use super::call::Call;
use super::codes;
use super::command;
use super::cursor::Cursor;
use super::errors;
use super::event_view::EventView;
use super::page::Page;
use super::problem::Problem;
use super::strict::{self, Nothing};
use crate::auth::Scope;
use crate::commands::is_key_used;
use crate::http::json;

/// The first event of an order that a consumer could not apply; later ones of that order wait behind it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub struct DeadLetterView<'a> {
    /// Its id.
    id: String,
    /// Who could not apply it.
    #[schema(example = "status")]
    consumer: &'a str,
    /// The order that waits behind it; null for an event of a stock row.
    #[schema(value_type = Option<super::schemas::Id>)]
    order_id: Option<OrderId>,
    /// What had happened; null when the stored event is damaged.
    #[schema(value_type = Option<super::schemas::EventType>, example = "shipment.shipped")]
    event_type: Option<&'static str>,
    /// `waiting` for its next try, `dead`, or flagged `redrive` or `discard`.
    #[schema(value_type = super::schemas::DeadLetterState)]
    state: &'static str,
    /// Tries so far.
    attempts: u32,
    /// What the last try said.
    error: Option<&'a str>,
    /// The first try.
    #[schema(value_type = super::schemas::Timestamp)]
    first_at: Time,
    /// The last try.
    #[schema(value_type = super::schemas::Timestamp)]
    last_at: Time,
    /// The next try; null when there is none by itself.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    next_attempt_at: Option<Time>,
    /// The event, whole; null when the stored event is damaged.
    event: Option<EventView<'a>>,
    /// Why the stored event cannot be read. Such an event can be discarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'a str>,
}

impl<'a> DeadLetterView<'a> {
    fn new(store: &Identity, parked: &'a Parked) -> Self {
        let waits = parked.state == ParkedState::Waiting;
        let event = parked.event.as_ref();
        Self {
            id: Name::of(parked).write(),
            consumer: &parked.consumer,
            order_id: event.ok().and_then(|logged| logged.event.order_id),
            event_type: event.ok().map(|logged| logged.event.kind.as_str()),
            state: parked.state.as_str(),
            attempts: parked.attempts,
            error: parked.error.as_deref(),
            first_at: parked.first_at,
            last_at: parked.last_at,
            next_attempt_at: waits.then_some(parked.next_attempt_at),
            event: event
                .ok()
                .map(|logged| EventView::of_dead_letter(store, logged)),
            damage: event.err().map(|damaged| damaged.0.as_str()),
        }
    }
}

/// What names a dead letter: its consumer, what its queue is kept by, its place in the log.
struct Name {
    consumer: String,
    /// The order; for an event of a stock row the row's id.
    order: OrderId,
    position: i64,
}

impl Name {
    fn of(parked: &Parked) -> Self {
        Self {
            consumer: parked.consumer.clone(),
            order: parked.key,
            position: parked.position,
        }
    }

    fn write(&self) -> String {
        format!("{}.{}.{}", self.consumer, self.order, self.position)
    }

    fn read(text: &str) -> Option<Self> {
        let (rest, position) = text.rsplit_once('.')?;
        let (consumer, order) = rest.rsplit_once('.')?;
        Some(Self {
            consumer: consumer.to_owned(),
            order: OrderId::parse(order)?,
            position: position.parse().ok()?,
        })
    }
}

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
    let page = reading.list_parked(&call.tenant, after, limit).await?;
    let store = &api.identity;
    let items = page
        .items
        .iter()
        .map(|parked| DeadLetterView::new(store, parked));
    let items = items.collect();
    let next = page.next.as_ref().map(Cursor::of_dead_letter);
    Ok(json::of(&Page { items, next }).into_response())
}

fn gone() -> Problem {
    let detail = "no dead letter of yours has this id; it may have been applied meanwhile";
    Problem::new(codes::DEAD_LETTER_NOT_FOUND, detail)
}

/// One dead letter of the caller's tenant.
async fn find(api: &DeadLettersApi, call: &Call, id: &str) -> Result<(Name, Parked), Problem> {
    let name = Name::read(id)
        .filter(|_| !id.contains('\0'))
        .ok_or_else(gone)?;
    // The list begins after a cursor, so a cursor just before this dead letter returns it first.
    let after = ParkedPlace::just_before(&name.consumer, name.order).ok_or_else(gone)?;
    let store = api.reads.turn(&call.tenant).await?;
    let page = store.list_parked(&call.tenant, Some(after), 1).await?;
    let found = page.items.into_iter().next().filter(|parked| {
        let of = Name::of(parked);
        (of.consumer, of.order, of.position) == (name.consumer.clone(), name.order, name.position)
    });
    Ok((name, found.ok_or_else(gone)?))
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
    let (_, parked) = find(&api, &call, &id).await?;
    Ok(json::of(&DeadLetterView::new(&api.identity, &parked)).into_response())
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

/// Asks for a dead letter to be given up; later events of its order go on.
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
    let (name, mut parked) = find(api, &call, id).await?;
    parked.state = state;
    let shown = json::of(&DeadLetterView::new(&api.identity, &parked)).0;
    let flag = Flag {
        consumer: name.consumer,
        order: name.order,
        position: name.position,
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

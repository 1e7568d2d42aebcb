//! `/v1/relay`: how far the relay of this store is, and what a person asks of it: a pause, or a stretch of the log again.
//!
//! The relay is the store's and not a tenant's. Every process answers; what is asked is kept in the store, and every
//! process of the relay follows it within a second.

mod range;
mod view;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybill_store::{Identity, RelayCommand, RelayPause, RelayState, Replay};

use self::range::{Range, ReplayBody, Whole};
use self::view::{PauseView, RelayView, ReplayView};
use super::answer::Answer;
use super::apis::RelayApi;
use super::call::Call;
use super::command::marked;
use super::problem::Problem;
use super::strict::{self, Nothing};
use super::{codes, errors, order_request};
use crate::auth::Scope;
use crate::commands::is_key_used;
use crate::http::json;
use crate::once::Once;

/// Why the relay is paused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// What the next person should know.
    reason: Option<String>,
}

/// The pause after a request.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayPaused)]
pub struct PausedView {
    /// Null when the relay runs.
    pause: Option<PauseView>,
}

/// The replay after a request.
#[derive(Serialize, ToSchema)]
#[schema(as = RelayReplaying)]
pub struct ReplayingView {
    /// The replay that was asked for.
    replay: ReplayView,
}

/// How far the relay is.
#[utoipa::path(
    get, path = "/v1/relay", operation_id = "getRelay", tag = "relay",
    responses((status = 200, description = "Of the whole store, whichever process answers", body = RelayView)),
    security(("token" = ["deadletter:read"])),
)]
pub async fn get(State(api): State<Arc<RelayApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::DeadLetterRead)?;
    call.params(&[])?;
    let store = api.reads.turn(&call.tenant).await?;
    let view = RelayView::read(&*store, api.contexts.now()).await?;
    Ok(json::of(&view).into_response())
}

/// Pauses the relay: events wait in the log until it is resumed.
#[utoipa::path(
    post, path = "/v1/relay/pause", operation_id = "pauseRelay", tag = "relay",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
    ),
    request_body(content = PauseBody),
    responses((status = 202, description = "Every process of the relay follows within a second", body = PausedView)),
    security(("token" = ["deadletter:write"])),
)]
pub async fn pause(State(api): State<Arc<RelayApi>>, request: Request) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::DeadLetterWrite).await?;
    let body: PauseBody = strict::read_or_empty(&body)?;
    let pause = RelayPause {
        since: api.contexts.now(),
        by: call.identity.subject.to_string(),
        reason: order_request::free("reason", body.reason)?,
    };
    let view = PausedView {
        pause: Some(PauseView::of(&pause)),
    };
    done(&api, &once, RelayCommand::Pause(pause), &view).await
}

/// Lets the relay go on where it was paused.
#[utoipa::path(
    post, path = "/v1/relay/resume", operation_id = "resumeRelay", tag = "relay",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
    ),
    responses((status = 202, description = "Every process of the relay follows within a second", body = PausedView)),
    security(("token" = ["deadletter:write"])),
)]
pub async fn resume(State(api): State<Arc<RelayApi>>, request: Request) -> Answer {
    let (_, body, once) = Call::command(&api.requests, request, Scope::DeadLetterWrite).await?;
    let Nothing {} = strict::read_or_empty(&body)?;
    let view = PausedView { pause: None };
    done(&api, &once, RelayCommand::Resume, &view).await
}

/// Publishes events again that were published before; receivers drop those that they have.
#[utoipa::path(
    post, path = "/v1/relay/replay", operation_id = "replayRelay", tag = "relay",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
    ),
    request_body(content = ReplayBody),
    responses((status = 202, description = "Kept; the relay sends them beside new events, in order per order", body = ReplayingView)),
    security(("token" = ["deadletter:write"])),
)]
pub async fn replay(State(api): State<Arc<RelayApi>>, request: Request) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::DeadLetterWrite).await?;
    let body: ReplayBody = strict::read(&body)?;
    if let Some(outcome) = before(&api, &once).await? {
        return Ok(accepted(outcome, true));
    }
    let store = api.reads.turn(&call.tenant).await?;
    let state = store.relay_state().await?;
    if !body.replace {
        refuse_second(store.identity(), &state)?;
    }
    let whole = Whole::read(&*store, &call.tenant, &state).await?;
    let Range { after, to, order } = whole.narrow(&body).await?;
    drop(whole);
    drop(store);
    let now = api.contexts.now();
    let replay = Replay {
        id: api.contexts.entropy.uuid_v7(now.0),
        requested_at: now,
        by: call.identity.subject.to_string(),
        after,
        to,
        order,
    };
    let view = ReplayingView {
        replay: ReplayView::of(&replay, &[]),
    };
    done(&api, &once, RelayCommand::Replay(replay), &view).await
}

/// A second replay would end the first one unnoticed.
fn refuse_second(store: &Identity, state: &RelayState) -> Result<(), Problem> {
    let Some(replay) = &state.replay else {
        return Ok(());
    };
    let is_done = |partition| replay.is_done(&replay.at(&state.progress, partition));
    if (0..store.partitions).all(is_done) {
        return Ok(());
    }
    let detail = format!(
        "replay {} of {} is under way",
        replay.id, replay.requested_at
    );
    Err(Problem::new(codes::REPLAY_UNDER_WAY, detail))
}

/// What the same request came to before.
async fn before(api: &RelayApi, once: &Once) -> Result<Option<String>, Problem> {
    let done = once.done_before(&*api.claims).await;
    // Nothing of the relay can be missing.
    let missing = || Problem::new(codes::NOT_FOUND, "there is no relay");
    done.map_err(|error| errors::of_command(error, missing))
}

async fn done<T: Serialize>(
    api: &RelayApi,
    once: &Once,
    command: RelayCommand,
    view: &T,
) -> Answer {
    if let Some(outcome) = before(api, once).await? {
        return Ok(accepted(outcome, true));
    }
    let shown = json::of(view).0;
    let claim = once.claim_with(&shown);
    match api.relay.command_relay(&once.tenant, command, claim).await {
        Ok(()) => Ok(accepted(shown, false)),
        // A request with the same key was committed first; its result is answered.
        Err(error) if is_key_used(&error) => {
            let outcome = before(api, once).await?;
            Ok(accepted(outcome.unwrap_or(shown), true))
        }
        Err(error) => Err(error.into()),
    }
}

fn accepted(shown: String, replayed: bool) -> Response {
    let answer = (StatusCode::ACCEPTED, json::Raw(shown)).into_response();
    marked(answer, replayed)
}

//! `GET /v1/events`: all events of the caller's tenant, to be followed by cursor.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use tokio::time::Instant;
use waybill_domain::event::{AggregateKind, LoggedEvent};
use waybill_store::Positions;

use super::answer::Answer;
use super::apis::FollowApi;
use super::call::Call;
use super::cursor::Cursor;
use super::event_view::EventView;
use super::hub::Watch;
use super::page::Page;
use crate::auth::Scope;
use crate::http::json;

/// The longest `wait_ms`.
pub(super) const LONGEST_WAIT_MS: u64 = 30_000;
/// The least time between two reads while the log grows; events that arrive meanwhile are answered together.
const PAUSE: Duration = Duration::from_millis(20);
/// A read that passed more positions than this may have stopped before the end of the log.
const NEAR: i64 = 256;
/// Reads in a row that find only other tenants' events; after them the caller gets an empty page with the cursor reached.
const LOOKS: usize = 8;

/// Events after a cursor, oldest first; without one, from the first event there is. With `wait_ms`, an answer without
/// events comes only after that time, or when a very long stretch of the log holds nothing of the caller's: `next` is
/// then behind that stretch. Events of stock are shown to those who may read stock.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "listEvents", tag = "events",
    params(
        ("after" = Option<String>, Query, description = "Goes on after this cursor"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
        ("wait_ms" = Option<u32>, Query, description = "Waits so many milliseconds for the first event"),
    ),
    responses((status = 200, description = "Oldest first; next is always there", body = Page<EventView<'static>>)),
    security(("token" = ["order:read"])),
)]
pub async fn feed(State(api): State<Arc<FollowApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::OrderRead)?;
    let params = call.params(&["after", "limit", "wait_ms"])?;
    let store = &api.identity;
    let after = params.one("after")?;
    let after = after
        .map(|text| Cursor::positions(store, text))
        .transpose()?;
    let limit = params.limit(&api.requests.limits)?;
    let expected = format!("a number of milliseconds up to {LONGEST_WAIT_MS}");
    let wait = params.read("wait_ms", &expected, |text| {
        text.parse().ok().filter(|ms| *ms <= LONGEST_WAIT_MS)
    })?;
    // The answer must begin before the request's own timeout.
    let most = api.requests.server.request_timeout_ms.get() * 9 / 10;
    let until = Instant::now() + Duration::from_millis(wait.unwrap_or(0).min(most));
    let after = after.unwrap_or_else(|| Positions::beginning(store.partitions));
    let (found, reached) = wait_for(&api, &call, after.clone(), limit, until).await?;
    let items = EventView::of_feed(store, after, &found);
    let next = Some(Cursor::of_positions(store, &reached));
    Ok(json::of(&Page { items, next }).into_response())
}

/// The events after a position, and the position read up to; waits for the first event until the time is over. Only
/// the tenant's own events end the wait; those of others cost a bounded number of reads.
async fn wait_for(
    api: &FollowApi,
    call: &Call,
    mut after: Positions,
    limit: usize,
    until: Instant,
) -> Result<(Vec<LoggedEvent>, Positions), waybill_store::Error> {
    // The watch begins before the read, so that an event recorded between them is not missed.
    let watch = api.hub.watch_tenant(&call.tenant);
    let mut looks = 0;
    loop {
        let store = api.reads.turn(&call.tenant).await?;
        let feed = store.feed(&call.tenant, after.clone(), limit).await;
        drop(store);
        let (mut found, reached) = feed?;
        let sees_stock = call.identity.may(Scope::StockRead);
        found.retain(|e| sees_stock || e.event.aggregate.kind != AggregateKind::Stock);
        let passed: i64 = reached
            .0
            .iter()
            .zip(&after.0)
            .map(|(to, from)| to - from)
            .sum();
        after = reached;
        looks += 1;
        let over = Instant::now() >= until || api.stopping.is_cancelled();
        if !found.is_empty() || over || (passed > NEAR && looks == LOOKS) {
            return Ok((found, after));
        }
        if passed <= NEAR {
            looks = 0;
            wait(api, watch.as_ref(), until).await;
        }
    }
}

/// Waits until there may be a new event, or the time is over.
async fn wait(api: &FollowApi, watch: Option<&Watch>, until: Instant) {
    let woken = async {
        match watch {
            Some(watch) => {
                watch.changed().await;
                tokio::time::sleep(PAUSE).await;
            }
            // All watches are taken, so the handler polls.
            None => tokio::time::sleep(api.poll_interval).await,
        }
    };
    tokio::select! {
        () = api.stopping.cancelled() => {}
        () = tokio::time::sleep_until(until) => {}
        () = woken => {}
    }
}

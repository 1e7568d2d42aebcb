//! `GET /v1/orders/snapshot`: a page of orders, with the position of the feed at which exactly these orders are
//! current.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::cursor::Cursor;
use super::order_view::OrderView;
use super::orders::{Shipments, Shown};
use super::unreadable::UnreadableOrder;
use crate::auth::Scope;
use crate::http::json;

/// Orders as they were at one moment, and that moment as a place of the feed.
#[derive(Serialize, ToSchema)]
#[schema(as = Snapshot)]
struct SnapshotPage<'a> {
    /// Orders, newest first.
    items: Vec<OrderView<'a>>,
    /// Goes on in `/v1/events` after what these items hold already.
    cursor: String,
    /// Goes on after these items; null when there is nothing more. A page may be shorter than asked and still go on.
    next: Option<String>,
    /// There alone where orders of this page cannot be shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<UnreadableOrder>,
}

/// Begins a copy of the orders that is then kept up to date from the feed.
///
/// 1. Read all pages, and keep the `cursor` of the **first** one: an order accepted after it is in the feed, one
///    accepted before it is on one of the pages.
/// 2. Follow `/v1/events` from that cursor. Later pages are newer than the first, so the feed tells again what they
///    hold: skip an event of an order (`aggregate.type` is `order`) whose `sequence` is not above the `version` that
///    the copy has of that order.
///
/// Such an event says where the order stands (`status`), and, where units moved, the quantities of its `lines`: one that
/// is not named is 0. Items show everything but `shipments`, which
/// go on by themselves: an order has them at its own path, and `shipment.*` events name theirs.
#[utoipa::path(
    get, path = "/v1/orders/snapshot", operation_id = "snapshotOrders", tag = "orders",
    params(
        ("after" = Option<String>, Query, description = "Goes on after this cursor: the next of the page before"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
    ),
    responses((status = 200, description = "Newest first", body = SnapshotPage<'static>)),
    security(("token" = ["order:read"])),
)]
pub async fn snapshot(State(api): State<Arc<OrdersApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::OrderRead)?;
    let params = call.params(&["after", "limit"])?;
    let before = params.one("after")?.map(Cursor::order).transpose()?;
    let limit = params.limit(&api.requests.limits)?;
    let store = api.reads.turn(&call.tenant).await?;
    let snapshot = store.snapshot(&call.tenant, before, limit).await?;
    drop(store);
    let (shown, unreadable) = Shown::all(snapshot.page.items, Shipments::LeftOut);
    let page = SnapshotPage {
        items: shown.iter().map(Shown::view).collect(),
        cursor: Cursor::of_positions(&api.identity, &snapshot.positions),
        next: snapshot.page.next.map(Cursor::of_order),
        unreadable,
    };
    Ok(json::of(&page).into_response())
}

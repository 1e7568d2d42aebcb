//! `GET /v1/orders/{id}/events`: everything that happened to one order, its shipments included.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::cursor::Cursor;
use super::event_view::EventView;
use super::orders;
use super::page::Page;
use crate::auth::Scope;
use crate::http::json;

/// The events of an order, oldest first.
#[utoipa::path(
    get, path = "/v1/orders/{id}/events", operation_id = "listOrderEvents", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
        ("after" = Option<String>, Query, description = "Goes on after this cursor"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
    ),
    responses((status = 200, description = "Oldest first", body = Page<EventView<'static>>)),
    security(("token" = ["order:read"])),
)]
pub async fn events(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::OrderRead)?;
    let params = call.params(&["after", "limit"])?;
    let store = &api.identity;
    let after = params.one("after")?;
    let after = after
        .map(|text| Cursor::position(store, text))
        .transpose()?;
    let limit = params.limit(&api.requests.limits)?;
    let reading = api.reads.turn(&call.tenant).await?;
    let id = orders::find(&*reading, &call.tenant, &id).await?.order.id;
    let after = after.unwrap_or(0);
    let found = reading.order_events(&call.tenant, id, after, limit).await?;
    drop(reading);
    let last = found.last().filter(|_| found.len() == limit);
    let next = last.map(|event| Cursor::of_position(store, event.position));
    let view = |event| EventView::of_order(store, event);
    let items = found.iter().map(view).collect();
    Ok(json::of(&Page { items, next }).into_response())
}

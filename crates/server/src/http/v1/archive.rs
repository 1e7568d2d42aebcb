//! `/v1/archive`: finished orders that were moved out of the way; reading one, and putting it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use waybill_domain::ids::{OrderId, readable_number};
use waybill_domain::time::Time;
use waybill_store::OrderRef;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::event_view::EventView;
use super::order_view::OrderView;
use super::orders::{self, Shown};
use super::strict::{self, Nothing};
use crate::auth::Scope;
use crate::http::json;

/// The table whose rows are shown as events instead.
const EVENTS: &str = "events";

/// A finished order as it was when it was moved into the archive.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ArchivedOrder)]
pub struct ArchivedView<'a> {
    /// Its id.
    #[schema(value_type = super::schemas::Id)]
    id: OrderId,
    /// Its number: the caller's, or our readable one.
    #[schema(example = "WB-000123")]
    number: String,
    /// When it was moved.
    #[schema(value_type = super::schemas::Timestamp)]
    archived_at: Time,
    /// Its rows, by table and column, as they were stored: times are microseconds since 1970.
    #[schema(value_type = Object)]
    rows: BTreeMap<String, Vec<Map<String, Value>>>,
    /// Its events, oldest first; empty where one cannot be read, and all of them are in `rows` then.
    events: Vec<EventView<'a>>,
}

/// One order of the archive.
#[utoipa::path(
    get, path = "/v1/archive/{id}", operation_id = "getArchivedOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
    ),
    responses((status = 200, description = "The order as it was", body = ArchivedView<'static>)),
    security(("token" = ["order:read"])),
)]
pub async fn get(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::OrderRead)?;
    call.params(&[])?;
    let by = orders::named(&id)?;
    let reading = api.reads.turn(&call.tenant).await?;
    let found = reading.archived(&call.tenant, by).await?;
    drop(reading);
    let order = found.ok_or_else(orders::not_archived)?;
    let number = order.caller_number();
    // Where an event cannot be read, all of them stay among the rows.
    let events = order.document.events().unwrap_or_default();
    let mut rows = order.document.rows;
    if !events.is_empty() {
        rows.remove(EVENTS);
    }
    let view = ArchivedView {
        id: order.id,
        number: number.unwrap_or_else(|| readable_number(order.number)),
        archived_at: order.archived_at,
        rows,
        events: EventView::of_archive(&api.identity, &events),
    };
    Ok(json::of(&view).into_response())
}

/// Puts an order back as it was when it was moved, except for `updatedAt`, so that it is not moved again at once. One that
/// is back already is shown.
#[utoipa::path(
    post, path = "/v1/archive/{id}/restore", operation_id = "restoreArchivedOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id", example = "018f6f1e-0000-7000-8000-000000000000"),
    ),
    responses((status = 200, description = "The order, in the lists again", body = OrderView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["order:write"])),
)]
pub async fn restore(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, _) = Call::command(&api.requests, request, Scope::OrderWrite).await?;
    let Nothing {} = strict::read_or_empty(&body)?;
    let OrderRef::Id(id) = orders::named(&id)? else {
        return Err(orders::not_archived());
    };
    let restored = api.archive.unarchive(&call.tenant, id).await?;
    let reading = api.reads.turn(&call.tenant).await?;
    let found = reading.order(&call.tenant, OrderRef::Id(id)).await?;
    drop(reading);
    let record = found.ok_or_else(orders::not_archived)?;
    if restored {
        tracing::info!(order_id = %id, by = %call.meta().actor, "an order was put back from the archive");
    }
    Ok(Shown::new(record)?.answer(StatusCode::OK))
}

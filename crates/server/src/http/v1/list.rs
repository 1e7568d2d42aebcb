//! `GET /v1/orders`: a page of orders, newest first.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use waybill_domain::echo::quoted;
use waybill_domain::status::OrderStatus;
use waybill_store::OrderFilter;

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::codes;
use super::cursor::Cursor;
use super::orders::{Shipments, Shown};
use super::page::OrderPage;
use super::params::Params;
use super::problem::Problem;
use crate::auth::Scope;
use crate::http::json;

const PARAMETERS: &[&str] = &[
    "status",
    "customerId",
    "sku",
    "updatedSince",
    "placedFrom",
    "placedTo",
    "after",
    "limit",
];

/// Lists orders, each with its shipments.
#[utoipa::path(
    get, path = "/v1/orders", operation_id = "listOrders", tag = "orders",
    params(
        ("status" = Option<String>, Query, description = "One, or several by commas", example = "confirmed,shipped"),
        ("customerId" = Option<String>, Query, description = "Orders of this customer"),
        ("sku" = Option<String>, Query, description = "Orders with a line of this sku"),
        ("updatedSince" = Option<String>, Query, description = "RFC 3339"),
        ("placedFrom" = Option<String>, Query, description = "RFC 3339, inclusive; placedAt, else createdAt"),
        ("placedTo" = Option<String>, Query, description = "RFC 3339, exclusive"),
        ("after" = Option<String>, Query, description = "Goes on after this cursor"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
    ),
    responses((status = 200, description = "Newest first", body = OrderPage<'static>)),
    security(("token" = ["order:read"])),
)]
pub async fn list(State(api): State<Arc<OrdersApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::OrderRead)?;
    let params = call.params(PARAMETERS)?;
    let filter = OrderFilter {
        statuses: statuses(&params)?,
        customer_id: params.one("customerId")?.map(str::to_owned),
        sku: params.one("sku")?.map(str::to_owned),
        dialect: None,
        updated_since: params.time("updatedSince")?,
        placed_from: params.time("placedFrom")?,
        placed_to: params.time("placedTo")?,
        before: params.one("after")?.map(Cursor::order).transpose()?,
        limit: params.limit(&api.requests.limits)?,
    };
    let store = api.reads.turn(&call.tenant).await?;
    let page = store.list_orders(&call.tenant, filter).await?;
    drop(store);
    let (shown, unreadable) = Shown::all(page.items, Shipments::Shown);
    let page = OrderPage {
        items: shown.iter().map(Shown::view).collect(),
        next: page.next.map(Cursor::of_order),
        unreadable,
    };
    Ok(json::of(&page).into_response())
}

/// Repeated, or several by commas.
fn statuses(params: &Params) -> Result<Vec<OrderStatus>, Problem> {
    let names = params.all("status").flat_map(|value| value.split(','));
    let read = |name: &str| {
        OrderStatus::parse(name).ok_or_else(|| {
            let all: Vec<&str> = OrderStatus::ALL.iter().map(|s| s.as_str()).collect();
            let detail = format!(
                "expected some of {}; found {}",
                all.join(", "),
                quoted(name)
            );
            Problem::new(codes::INVALID_PARAMETER, detail).of("status")
        })
    };
    names.map(read).collect()
}

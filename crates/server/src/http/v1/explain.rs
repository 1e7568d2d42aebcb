//! `GET /v1/orders/{id}/explain`: what an order waits for, until when, and what may be done.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use waybill_domain::explain::{self, Action, Explanation, Known, Reason, WaitsFor};
use waybill_domain::order::Order;
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, Store};

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::Call;
use super::orders;
use crate::auth::Scope;
use crate::http::json;

/// The consumers that an order's events may be parked for.
const CONSUMERS: [&str; 5] = [
    "delivery",
    "delivery-inbox",
    "status",
    "status-inbox",
    "relay",
];

/// Where an order is, what keeps it there, and what may be done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Explanation)]
pub struct ExplanationView {
    /// Its id.
    #[schema(value_type = super::schemas::Id)]
    id: String,
    /// Where it stands.
    #[schema(value_type = super::schemas::OrderStatus)]
    status: OrderStatus,
    /// Its version.
    version: i64,
    /// Since when it stands there.
    #[schema(value_type = super::schemas::Timestamp)]
    since: Time,
    /// One sentence, for people.
    #[schema(example = "The order is backordered: 3 of MUG-1 (line 1) have no source yet.")]
    summary: String,
    /// What it waits for, the most urgent first; empty for an order that is done.
    waits_for: Vec<ReasonView>,
    /// When something happens by itself next; null when nothing is timed.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    next_at: Option<Time>,
    /// What a caller may do with it now.
    #[schema(value_type = Vec<String>, example = json!(["cancel", "place_hold"]))]
    actions: Vec<Action>,
}

/// One thing that an order waits for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WaitsFor)]
struct ReasonView {
    /// What: `hold`, `stock`, `vendor`, `dead_letter`, `cancellation`, `shipment` or `consumer`.
    #[schema(value_type = String, example = "stock")]
    kind: WaitsFor,
    /// For people.
    #[schema(example = "3 of MUG-1 (line 1) have no source yet")]
    detail: String,
    /// When it ends, or is tried again, by itself; null when that is not timed.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    until: Option<Time>,
    /// What somebody could do about it.
    #[schema(example = "add stock, or cancel the line; without a promised date it waits on")]
    advice: String,
}

impl From<Reason> for ReasonView {
    fn from(reason: Reason) -> Self {
        Self {
            kind: reason.waits_for,
            detail: reason.detail,
            until: reason.until,
            advice: reason.advice,
        }
    }
}

/// What an order waits for, until when, and what may be done about it.
#[utoipa::path(
    get, path = "/v1/orders/{id}/explain", operation_id = "explainOrder", tag = "orders",
    params(
        ("id" = String, Path, description = "The order's id, `number:WB-000123`, or `ref:` and the caller's own reference", example = "number:WB-000123"),
    ),
    responses((status = 200, description = "Where it is, what keeps it there, and what may be done", body = ExplanationView)),
    security(("token" = ["order:read"])),
)]
pub async fn explain(
    State(api): State<Arc<OrdersApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::OrderRead)?;
    call.params(&[])?;
    let store = api.reads.turn(&call.tenant).await?;
    let order = orders::find(&*store, &call.tenant, &id).await?.order;
    let known = known(&*store, &order).await?;
    drop(store);
    let Explanation {
        summary,
        reasons,
        next_at,
        actions,
    } = explain::explain(&order, &known, api.requests.access.now());
    let view = ExplanationView {
        id: order.id.to_string(),
        status: order.status,
        version: order.version,
        since: order.updated_at,
        summary,
        waits_for: reasons.into_iter().map(ReasonView::from).collect(),
        next_at,
        actions,
    };
    Ok(json::of(&view).into_response())
}

/// What the store knows beside the order.
async fn known(store: &dyn Store, order: &Order) -> Result<Known, StoreError> {
    let calls = explain::calls(order);
    let calls = if calls.is_empty() {
        vec![]
    } else {
        store.waiting_work(calls).await?
    };
    let mut parked_by = vec![];
    for consumer in CONSUMERS {
        if !store
            .parked_orders(consumer, vec![order.id])
            .await?
            .is_empty()
        {
            parked_by.push(consumer.to_owned());
        }
    }
    let shipments = if order.shipments.is_empty() {
        vec![]
    } else {
        let of = store.deliveries(vec![order.id]).await?.pop();
        of.map(|(_, _, shipments)| shipments).unwrap_or_default()
    };
    Ok(Known {
        calls,
        parked_by,
        shipments,
    })
}

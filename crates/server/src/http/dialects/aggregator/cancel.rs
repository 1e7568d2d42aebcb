//! `POST /api/orders/{id}/cancel`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use waybill_domain::command::Command;
use waybill_domain::ids::OrderId;
use waybill_domain::precondition::Preconditions;
use waybill_domain::status::OrderStatus;
use waybill_store::{OrderRecord, OrderRef};

use super::DIALECT;
use super::answer::{AggregatorOrder, AggregatorTaken};
use super::api::AggregatorApi;
use super::caller::Caller;
use super::refused;
use super::stored::Stored;
use crate::auth::Scope;
use crate::commands;
use crate::http::edge::Correlation;
use crate::http::json;
use crate::http::v1::hub::Watch;
use crate::http::v1::problem::Problem;
use crate::http::v1::{codes, errors, order_request, strict};
use crate::once::Once;

/// How long the answer waits for delivery's.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why an order is cancelled.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewCancellation)]
pub struct CancelBody {
    /// Why.
    #[schema(example = "changed my mind", required = false)]
    reason: Option<String>,
}

/// Cancels an order. Delivery is asked where it has the order already, and has five seconds to answer.
#[utoipa::path(
    post, path = "/api/orders/{order_id}/cancel", operation_id = "cancelApiOrder", tag = "aggregator dialect",
    params(("order_id" = String, Path, description = "The order's id, a UUID")),
    request_body(content = Option<CancelBody>, example = json!({"reason": "changed my mind"})),
    responses((status = 200, description = "Cancelled", body = AggregatorTaken<'static>), (status = 202, description = "Delivery has not answered yet", body = AggregatorTaken<'static>), (status = 404, description = "No order has this id"), (status = 409, description = "Too late: it was sent, or has ended")),
    security(("token" = ["order:cancel"])),
)]
pub async fn cancel(
    State(api): State<Arc<AggregatorApi>>,
    Extension(correlation): Extension<Correlation>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    DIALECT.speak(cancelled(&api, &correlation, &id, request).await)
}

async fn cancelled(
    api: &AggregatorApi,
    correlation: &Correlation,
    id: &str,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let caller = Caller::of(api, &head.headers, Scope::OrderCancel)?;
    let requests = &api.requests;
    let body = requests
        .body(&DIALECT, &caller.identity, &head.headers, body)
        .await?;
    let body: CancelBody = strict::read_or_empty(&body)?;
    let command = Command::Cancel {
        reason: order_request::free("reason", body.reason)?,
    };
    let not_found = || refused::not_found(id);
    let id = OrderId::parse(id).ok_or_else(not_found)?;
    caller.order(api, id).await?.ok_or_else(not_found)?;
    let watch = api.hub.watch(id);
    // A repeated cancellation changes nothing, so no key is needed.
    let once = Once::without_key(caller.tenant.clone());
    let commanded = commands::command_order(
        &api.commands,
        &once,
        OrderRef::Id(id),
        &Preconditions::default(),
        &command,
        &correlation.meta(&caller.identity),
    )
    .await;
    let asked = commanded.map_err(|error| errors::of_command(error, not_found))?;
    let record = answered(api, &caller, asked.after, watch).await?;
    let status = match record.order.status {
        OrderStatus::Cancelled => StatusCode::OK,
        OrderStatus::Cancelling => StatusCode::ACCEPTED,
        other => {
            let detail = format!("It is too late to cancel this order; it is {other}");
            return Err(Problem::new(codes::INVALID_TRANSITION, detail));
        }
    };
    let stored = Stored::read(record)?;
    let shown = AggregatorTaken::new(AggregatorOrder::of_stored(&stored));
    Ok((status, json::of(&shown)).into_response())
}

/// The order once delivery has answered, or as it is after a while. `watch` began before the cancellation, so that no
/// answer falls between; without one, there are too many watchers and nothing is waited for.
async fn answered(
    api: &AggregatorApi,
    caller: &Caller,
    mut record: OrderRecord,
    watch: Option<Watch>,
) -> Result<OrderRecord, Problem> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while let Some(watch) = &watch
        && record.order.status == OrderStatus::Cancelling
    {
        tokio::select! {
            () = watch.changed() => {}
            () = tokio::time::sleep_until(deadline) => break,
            () = api.stopping.cancelled() => break,
        }
        if let Some(now) = caller.order(api, record.order.id).await? {
            record = now;
        }
    }
    Ok(record)
}

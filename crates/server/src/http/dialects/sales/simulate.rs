//! `POST /api/orders/{orderId}/simulate-delivery`: a carrier's report, made by hand.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use waybill_domain::ids::OrderId;
use waybill_domain::precondition::Preconditions;
use waybill_domain::shipment::{Shipment, ShipmentStatus, Update};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Tenant;

use super::answer;
use super::api::SalesApi;
use super::request::Fault;
use crate::auth::{Identity, Scope};
use crate::command_error::CommandError;
use crate::commands;
use crate::http::edge::Correlation;
use crate::http::json;
use crate::http::object::Object;
use crate::once::Once;

#[derive(Deserialize)]
struct Body {
    status: String,
}

/// Moves the shipments of an order by hand.
#[utoipa::path(
    post, path = "/api/orders/{order_id}/simulate-delivery", operation_id = "simulateSalesDelivery", tag = "sales dialect",
    params(("order_id" = String, Path, description = "The order's id, a UUID")),
    request_body(content = super::schemas::SimulatedDelivery, example = json!({"status": "shipped"})),
    responses((status = 200, description = "The step was taken", body = super::schemas::SimulatedDeliveryAnswer, example = json!({"success": true, "message": "Simulated shipped event for order 0198c0de"})), (status = 422, description = "INVALID_STATUS_TRANSITION")),
    security(("token" = ["shipment:write"])),
)]
pub async fn simulate(
    State(api): State<Arc<SalesApi>>,
    Extension(correlation): Extension<Correlation>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let identity = match api
        .requests
        .access
        .caller(&head.headers, Scope::ShipmentWrite)
    {
        Ok(identity) => identity,
        Err(denied) => return answer::denied(&denied),
    };
    let body = api
        .requests
        .body(&super::DIALECT, &identity, &head.headers, body)
        .await;
    let body = match body {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let Some(to) = wanted(&body) else {
        let fault = Fault {
            path: "[\"status\"]".into(),
            message: "Expected \"shipped\" or \"delivered\"".into(),
        };
        return answer::invalid(&[fault], &correlation.id);
    };
    let Some(order_id) = OrderId::parse(&id) else {
        return answer::not_found(&id, &correlation.id);
    };
    match step(&api, &identity, order_id, to, &correlation).await {
        Ok(()) => {
            let message = format!("Simulated {to} event for order {order_id}");
            json::Raw(format!(
                "{{\"success\":true,\"message\":{}}}",
                json::text(&message)
            ))
            .into_response()
        }
        Err(error) => refused(&error, &id, to, &correlation.id),
    }
}

fn wanted(body: &[u8]) -> Option<ShipmentStatus> {
    let Object(body): Object<Body> = serde_json::from_slice(body).ok()?;
    match body.status.as_str() {
        "shipped" => Some(ShipmentStatus::Shipped),
        "delivered" => Some(ShipmentStatus::Delivered),
        _ => None,
    }
}

/// Why the step was not taken.
enum Refused {
    Status(OrderStatus),
    Command(CommandError),
}

async fn step(
    api: &SalesApi,
    identity: &Identity,
    id: OrderId,
    to: ShipmentStatus,
    correlation: &Correlation,
) -> Result<(), Refused> {
    let tenant = Tenant::stored(&identity.tenant);
    let meta = correlation.meta(identity);
    let (record, shipments) =
        commands::shipments_of(&api.shipments, &api.carrier, &tenant, id, &meta)
            .await
            .map_err(Refused::Command)?;
    let status = record.order.status;
    let open: Vec<Shipment> = shipments
        .into_iter()
        .filter(|s| !matches!(s.status, ShipmentStatus::Cancelled | ShipmentStatus::Failed))
        .collect();
    let over = matches!(
        status,
        OrderStatus::Cancelling | OrderStatus::Cancelled | OrderStatus::Failed
    );
    if open.is_empty() || over || !record.order.open_holds().is_empty() {
        return Err(Refused::Status(status));
    }
    // The same status again changes nothing, so no key is needed.
    let once = Once::without_key(tenant);
    for shipment in open {
        let update = Update {
            status: Some(to),
            ..Update::default()
        };
        commands::update_shipment(
            &api.shipments,
            &once,
            shipment.id,
            &Preconditions::default(),
            &update,
            &meta,
        )
        .await
        .map_err(Refused::Command)?;
    }
    Ok(())
}

fn refused(refused: &Refused, id: &str, to: ShipmentStatus, correlation: &str) -> Response {
    let invalid = |message: String| {
        answer::error(
            StatusCode::UNPROCESSABLE_ENTITY,
            "INVALID_STATUS_TRANSITION",
            &message,
            None,
            correlation,
        )
    };
    match refused {
        Refused::Status(status) => invalid(format!("An order that is {status} cannot become {to}")),
        Refused::Command(CommandError::Refused(refusal)) => invalid(refusal.to_string()),
        Refused::Command(CommandError::Stock(refusal)) => invalid(refusal.to_string()),
        Refused::Command(CommandError::KeyReused) => answer::key_reused(correlation),
        Refused::Command(CommandError::NotFound) => answer::not_found(id, correlation),
        Refused::Command(CommandError::Store(error)) => answer::not_stored(error, correlation),
    }
}

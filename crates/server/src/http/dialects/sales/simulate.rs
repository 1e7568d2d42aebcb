//! `POST /api/orders/{orderId}/simulate-delivery`: a carrier's report, made by hand.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use waybill_domain::ids::OrderId;
use waybill_domain::precondition::Preconditions;
use waybill_domain::shipment::{Shipment, ShipmentStatus, Update};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Tenant;
use waybill_store::{OrderRecord, OrderRef};

use super::DIALECT;
use super::answer;
use super::api::SalesApi;
use crate::auth::{Identity, Scope};
use crate::command_error::CommandError;
use crate::commands;
use crate::http::dialects::item_order::{Fault, Place};
use crate::http::edge::Correlation;
use crate::http::json;
use crate::http::object::Object;
use crate::http::v1::problem::Problem;
use crate::http::v1::{codes, errors};
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
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let requests = &api.requests;
    let identity = requests
        .access
        .caller(&head.headers, Scope::ShipmentWrite)?;
    let body = requests
        .body(&DIALECT, &identity, &head.headers, body)
        .await?;
    let Some(to) = wanted(&body) else {
        let fault = Fault {
            place: Place::Member("status"),
            message: "Expected \"shipped\" or \"delivered\"".into(),
        };
        return Ok(answer::invalid(&[fault], &correlation.id));
    };
    let order_id = OrderId::parse(&id).ok_or_else(|| answer::not_found(&id))?;
    step(&api, &identity, order_id, to, &correlation).await?;
    let message = format!("Simulated {to} event for order {order_id}");
    let body = format!("{{\"success\":true,\"message\":{}}}", json::text(&message));
    Ok(json::Raw(body).into_response())
}

fn wanted(body: &[u8]) -> Option<ShipmentStatus> {
    let Object(body): Object<Body> = serde_json::from_slice(body).ok()?;
    match body.status.as_str() {
        "shipped" => Some(ShipmentStatus::Shipped),
        "delivered" => Some(ShipmentStatus::Delivered),
        _ => None,
    }
}

async fn step(
    api: &SalesApi,
    identity: &Identity,
    id: OrderId,
    to: ShipmentStatus,
    correlation: &Correlation,
) -> Result<(), Problem> {
    let tenant = Tenant::stored(&identity.tenant);
    let meta = correlation.meta(identity);
    let refused = |error| errors::of_command(error, || answer::not_found(&id.to_string()));
    let found = api.orders.order(&tenant, OrderRef::Id(id)).await;
    let found = found.map_err(|error| refused(error.into()))?;
    let Some(OrderRecord { order, .. }) = found else {
        return Err(refused(CommandError::NotFound));
    };
    let over = matches!(
        order.status,
        OrderStatus::Cancelling | OrderStatus::Cancelled | OrderStatus::Failed
    );
    let impossible = || {
        let detail = format!("An order that is {} cannot become {to}", order.status);
        Problem::new(codes::INVALID_TRANSITION, detail)
    };
    if over || !order.open_holds().is_empty() {
        return Err(impossible());
    }
    if api.delivery_is_elsewhere {
        let detail = format!(
            "The shipments of order {id} live in the delivery service; move them there, by POST /v1/shipments/{{id}}/status"
        );
        return Err(Problem::new(codes::INVALID_TRANSITION, detail));
    }
    let shipments = commands::shipments_now(&api.shipments, &*api.log, &api.carrier, &tenant, id)
        .await
        .map_err(refused)?;
    let open: Vec<Shipment> = shipments
        .into_iter()
        .filter(|s| !matches!(s.status, ShipmentStatus::Cancelled | ShipmentStatus::Failed))
        .collect();
    if open.is_empty() {
        return Err(impossible());
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
        .map_err(refused)?;
    }
    Ok(())
}

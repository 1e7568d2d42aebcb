//! `/delivery`: the shipments of an order, and reporting their steps by hand.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::precondition::Preconditions;
use waybill_domain::problem::code;
use waybill_domain::shipment::{ShipmentStatus, Update};
use waybill_domain::text::Tenant;
use waybill_store::ShipmentFilter;

use super::DIALECT;
use super::answer::{self, ServicesShipment};
use super::api::DeliveriesApi;
use super::schemas::ServicesStep;
use crate::auth::{Identity, Scope};
use crate::commands;
use crate::http::access::Denied;
use crate::http::edge::Correlation;
use crate::http::json;
use crate::http::object::Object;
use crate::http::v1::errors;
use crate::http::v1::order_request;
use crate::http::v1::problem::Problem;
use crate::once::Once;

/// The shipments of an order.
#[utoipa::path(
    get, path = "/delivery/shipment/{order_id}", operation_id = "getServicesShipment", tag = "services dialect",
    params(("order_id" = String, Path, description = "The order's id, a UUID")),
    responses((status = 200, description = "The first shipment, and all of them when there are several", body = ServicesShipment<'static>), (status = 404, description = "SHIPMENT_NOT_FOUND")),
    security(("token" = ["shipment:read"])),
)]
pub async fn show(
    State(api): State<Arc<DeliveriesApi>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let identity = caller(&api, &headers, Scope::ShipmentRead)?;
    let not_found = || answer::shipment_not_found("order", &id);
    let order_id = OrderId::parse(&id).ok_or_else(not_found)?;
    let tenant = Tenant::stored(&identity.tenant);
    let filter = ShipmentFilter {
        order_id: Some(order_id),
        status: None,
        before: None,
        limit: api.requests.limits.page_max as usize,
    };
    let store = api.reads.turn(&tenant).await?;
    let mut all = store.list_shipments(&tenant, filter).await?.items;
    drop(store);
    // The list is newest first.
    all.reverse();
    let shown = ServicesShipment::first_of(&all).ok_or_else(not_found)?;
    Ok(json::of(&shown).into_response())
}

/// A step of a shipment, with what became known about the parcel.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewServicesStep)]
pub struct StepBody {
    /// The step.
    #[schema(value_type = ServicesStep)]
    status: String,
    /// The carrier's number for the parcel.
    tracking_number: Option<String>,
    /// Who carries it.
    carrier: Option<String>,
}

/// Takes a step of a shipment; the simulated carrier leaves it alone from then on.
#[utoipa::path(
    post, path = "/delivery/shipment/{shipment_id}/status", operation_id = "moveServicesShipment", tag = "services dialect",
    params(("shipment_id" = String, Path, description = "The shipment's id, a UUID")),
    request_body(content = StepBody, example = json!({"status": "SHIPPED", "tracking_number": "TRK-1", "carrier": "DHL"})),
    responses((status = 200, description = "The shipment after it", body = ServicesShipment<'static>), (status = 404, description = "SHIPMENT_NOT_FOUND"), (status = 409, description = "INVALID_STATUS_TRANSITION")),
    security(("token" = ["shipment:write"])),
)]
pub async fn step(
    State(api): State<Arc<DeliveriesApi>>,
    Extension(correlation): Extension<Correlation>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let identity = caller(&api, &head.headers, Scope::ShipmentWrite)?;
    let body = api
        .requests
        .body(&DIALECT, &identity, &head.headers, body)
        .await?;
    let update = wanted(&body)?;
    let not_found = || answer::shipment_not_found("id", &id);
    let shipment_id = ShipmentId::parse(&id).ok_or_else(not_found)?;
    // The same status again changes nothing, so no key is needed.
    let once = Once::without_key(Tenant::stored(&identity.tenant));
    let moved = commands::update_shipment(
        &api.commands,
        &once,
        shipment_id,
        &Preconditions::default(),
        &update,
        &correlation.meta(&identity),
    )
    .await
    .map_err(|error| errors::of_command(error, not_found))?;
    Ok(json::of(&ServicesShipment::new(&moved.after)).into_response())
}

/// The caller. A guest, where one is let in, may do both.
fn caller(api: &DeliveriesApi, headers: &HeaderMap, scope: Scope) -> Result<Arc<Identity>, Denied> {
    match &api.guest {
        Some(guest) => api.requests.access.caller_or_guest(headers, guest),
        None => api.requests.access.caller(headers, scope),
    }
}

fn wanted(body: &[u8]) -> Result<Update, Problem> {
    let Object(body): Object<StepBody> = serde_json::from_slice(body).map_err(|_| {
        let detail = "expected an object with a status, and perhaps tracking_number and carrier";
        Problem::new(code::INVALID_VALUE, detail)
    })?;
    let status = match body.status.as_str() {
        "PROCESSING" => ShipmentStatus::Processing,
        "SHIPPED" => ShipmentStatus::Shipped,
        "DELIVERED" => ShipmentStatus::Delivered,
        _ => {
            let detail = "expected PROCESSING, SHIPPED or DELIVERED";
            return Err(Problem::new(code::INVALID_VALUE, detail).of("status"));
        }
    };
    Ok(Update {
        status: Some(status),
        tracking_number: order_request::reference("tracking_number", body.tracking_number)?,
        carrier: order_request::free("carrier", body.carrier)?,
        due_at: None,
    })
}

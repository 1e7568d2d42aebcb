//! `/v1/shipments`: reading shipments, and reporting their steps by hand.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::precondition::Tag;
use waybill_domain::problem::code;
use waybill_domain::shipment::{ShipmentStatus, Update};
use waybill_store::ShipmentFilter;

use super::answer::Answer;
use super::apis::ShipmentsApi;
use super::call::{Call, versioned};
use super::cursor::Cursor;
use super::page::Page;
use super::problem::Problem;
use super::shipment_view::ShipmentView;
use super::{codes, command, errors, order_request, preconditions, strict};
use crate::auth::Scope;
use crate::commands::{self, Commanded};
use crate::http::json;

/// Shipments, newest first.
#[utoipa::path(
    get, path = "/v1/shipments", operation_id = "listShipments", tag = "shipments",
    params(
        ("orderId" = Option<String>, Query, description = "Shipments of the order with this id"),
        ("status" = Option<super::schemas::ShipmentStatus>, Query, description = "Shipments that stand there"),
        ("after" = Option<String>, Query, description = "Goes on after this cursor"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
    ),
    responses((status = 200, description = "Newest first", body = Page<ShipmentView<'static>>)),
    security(("token" = ["shipment:read"])),
)]
pub async fn list(State(api): State<Arc<ShipmentsApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::ShipmentRead)?;
    let params = call.params(&["orderId", "status", "after", "limit"])?;
    let filter = ShipmentFilter {
        order_id: params.read("orderId", "an order's UUID", OrderId::parse)?,
        status: params.read("status", &all_names(), ShipmentStatus::parse)?,
        before: params.one("after")?.map(Cursor::shipment).transpose()?,
        limit: params.limit(&api.requests.limits)?,
    };
    let store = api.reads.turn(&call.tenant).await?;
    let page = store.list_shipments(&call.tenant, filter).await?;
    let items = page.items.iter().map(ShipmentView::new).collect();
    let next = page.next.map(Cursor::of_shipment);
    Ok(json::of(&Page { items, next }).into_response())
}

fn all_names() -> String {
    let names: Vec<&str> = ShipmentStatus::ALL.iter().map(|s| s.as_str()).collect();
    format!("one of {}", names.join(", "))
}

fn named(text: &str) -> Result<ShipmentId, Problem> {
    ShipmentId::parse(text)
        .ok_or_else(|| Problem::new(code::INVALID_ID, "expected a UUID").of("id"))
}

fn not_found() -> Problem {
    Problem::new(
        codes::SHIPMENT_NOT_FOUND,
        "no shipment of yours has this id",
    )
}

/// One shipment.
#[utoipa::path(
    get, path = "/v1/shipments/{id}", operation_id = "getShipment", tag = "shipments",
    params(
        ("id" = String, Path, description = "The shipment's id"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when its version is still this one", example = "\"3\""),
    ),
    responses((status = 200, description = "The shipment", body = ShipmentView<'static>, headers(("ETag" = String, description = "Its version, in quotes"))), (status = 304, description = "The caller has it already")),
    security(("token" = ["shipment:read"])),
)]
pub async fn get(
    State(api): State<Arc<ShipmentsApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::ShipmentRead)?;
    call.params(&[])?;
    let asked = call.preconditions()?;
    let store = api.reads.turn(&call.tenant).await?;
    let found = store.shipment(&call.tenant, named(&id)?).await?;
    let shipment = found.ok_or_else(not_found)?;
    let tag = Tag::of(shipment.version);
    preconditions::show(&asked, tag, &ShipmentView::new(&shipment))
}

/// A step, with what became known about the parcel.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepBody {
    /// The step.
    #[schema(value_type = super::schemas::ShipmentStatus)]
    status: String,
    /// The carrier's number for the parcel.
    tracking_number: Option<String>,
    /// Who carries it.
    carrier: Option<String>,
}

/// Takes a step of a shipment; the simulated carrier leaves it alone from then on.
#[utoipa::path(
    post, path = "/v1/shipments/{id}/status", operation_id = "moveShipment", tag = "shipments",
    params(
        ("id" = String, Path, description = "The shipment's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one", example = "\"3\""),
    ),
    request_body(content = StepBody),
    responses((status = 200, description = "The shipment after it", body = ShipmentView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["shipment:write"])),
)]
pub async fn step(
    State(api): State<Arc<ShipmentsApi>>,
    Path(id): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::ShipmentWrite).await?;
    let asked = call.preconditions()?;
    let id = named(&id)?;
    let body: StepBody = strict::read(&body)?;
    let status = ShipmentStatus::parse(&body.status).ok_or_else(|| {
        let detail = format!("expected {}", all_names());
        Problem::new(code::INVALID_VALUE, detail).of("status")
    })?;
    let update = Update {
        status: Some(status),
        tracking_number: order_request::reference("trackingNumber", body.tracking_number)?,
        carrier: order_request::free("carrier", body.carrier)?,
        due_at: None,
    };
    let updated =
        commands::update_shipment(&api.commands, &once, id, &asked, &update, &call.meta()).await;
    let Commanded { after, replayed } =
        updated.map_err(|error| errors::of_command(error, not_found))?;
    let answer = versioned(StatusCode::OK, after.version, &ShipmentView::new(&after));
    Ok(command::marked(answer, replayed))
}

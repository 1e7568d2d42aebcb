//! `/v1/stock`: what is on hand, and counting it.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybill_domain::precondition::Tag;
use waybill_domain::problem::code;
use waybill_domain::stock::{Adjustment, StockRow};
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_store::{StockChange, VendorStore};

use super::answer::Answer;
use super::apis::StockApi;
use super::call::{Call, versioned};
use super::codes;
use super::cursor::Cursor;
use super::order_body::Text;
use super::page::Page;
use super::problem::Problem;
use super::{amount, command, errors, order_request, preconditions, strict};
use crate::auth::Scope;
use crate::commands::{self, Commanded};
use crate::http::json;
use crate::vendors::MOST_VENDORS;
use axum::response::IntoResponse;

/// A sku at a vendor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Stock)]
pub struct StockView<'a> {
    /// The sku.
    sku: &'a str,
    /// Whose stock it is; `local` is our own warehouse.
    vendor: &'a str,
    /// Units that are there, by the last count and what has changed since; below zero where more has left than was
    /// counted.
    on_hand: i64,
    /// Units kept for orders.
    reserved: i64,
    /// Kept back from sale.
    safety: i64,
    /// What can be promised: on hand − reserved − safety, never below zero.
    available: i64,
    /// Units that orders have reserved and that are not there: a count found fewer. They are taken back from orders that
    /// are not confirmed; cancel others, or count again.
    shortfall: i64,
    /// Rises with every change; `ETag` and `If-Match` are this number in quotes.
    version: i64,
    /// When it last changed.
    #[schema(value_type = super::schemas::Timestamp)]
    updated_at: Time,
    /// Whether it is our copy of a vendor's stock and too old to be relied on: nothing was read for three intervals.
    /// Null in the answer to a change.
    stale: Option<bool>,
}

impl<'a> StockView<'a> {
    /// As clients see it.
    pub fn new(row: &'a StockRow) -> Self {
        Self {
            sku: row.sku.as_str(),
            vendor: row.vendor.as_str(),
            on_hand: row.level.counted(),
            reserved: row.level.reserved,
            safety: row.level.safety,
            available: row.level.available(),
            shortfall: row.level.short(),
            version: row.level.version,
            updated_at: row.synced_at,
            stale: None,
        }
    }

    /// The same, with whether it is stale.
    fn read(row: &'a StockRow, stale: bool) -> Self {
        Self {
            stale: Some(stale),
            ..Self::new(row)
        }
    }
}

/// The vendors of a tenant whose stock was read lately enough.
async fn fresh_vendors(
    api: &StockApi,
    store: &dyn VendorStore,
    tenant: &Tenant,
    rows: &[StockRow],
) -> Result<HashSet<Vendor>, Problem> {
    if rows.iter().all(|row| row.vendor.is_local()) {
        return Ok(HashSet::new());
    }
    let syncs = store.stock_syncs(Some(tenant), MOST_VENDORS).await?;
    let now = api.contexts.now();
    let fresh = syncs
        .into_iter()
        .filter(|sync| !sync.is_stale(now, api.vendor_interval_ms));
    Ok(fresh.map(|sync| sync.vendor).collect())
}

/// Skus asked about at once.
pub(super) const SKUS: usize = 100;

/// Stock rows by sku.
#[utoipa::path(
    get, path = "/v1/stock", operation_id = "listStock", tag = "stock",
    params(
        ("sku" = Option<Vec<String>>, Query, description = "May be repeated"),
        ("after" = Option<String>, Query, description = "Goes on after this cursor"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
    ),
    responses((status = 200, description = "By sku", body = Page<StockView<'static>>)),
    security(("token" = ["stock:read"])),
)]
pub async fn list(State(api): State<Arc<StockApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::StockRead)?;
    let params = call.params(&["sku", "after", "limit"])?;
    let skus: Vec<String> = params.all("sku").map(str::to_owned).collect();
    if skus.len() > SKUS {
        let detail = format!("at most {SKUS} at once; found {}", skus.len());
        return Err(Problem::new(codes::INVALID_PARAMETER, detail).of("sku"));
    }
    let after = params.one("after")?.map(Cursor::stock).transpose()?;
    let limit = params.limit(&api.requests.limits)?;
    let store = api.reads.turn(&call.tenant).await?;
    let page = store.stock(&call.tenant, skus, after, limit).await?;
    let fresh = fresh_vendors(&api, &*store, &call.tenant, &page.items).await?;
    let is_stale = |row: &StockRow| !row.vendor.is_local() && !fresh.contains(&row.vendor);
    let rows = page.items.iter();
    let items = rows
        .map(|row| StockView::read(row, is_stale(row)))
        .collect();
    let next = page.next.map(|place| Cursor::of_stock(&place));
    Ok(json::of(&Page { items, next }).into_response())
}

/// Vendors of a sku that are looked through.
const VENDORS: usize = 1_000;

/// A sku of our own warehouse.
///
/// The `ETag` names the version and, behind a point, what orders reserve, which changes without the version. It may be
/// sent as `If-Match` too: there only the version counts.
#[utoipa::path(
    get, path = "/v1/stock/{sku}", operation_id = "getStock", tag = "stock",
    params(
        ("sku" = String, Path, description = "The sku"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when nothing of it has changed", example = "\"3.2\""),
    ),
    responses((status = 200, description = "The row", body = StockView<'static>, headers(("ETag" = String, description = "Its version and what is reserved, in quotes"))), (status = 304, description = "The caller has it already")),
    security(("token" = ["stock:read"])),
)]
pub async fn get(
    State(api): State<Arc<StockApi>>,
    Path(sku): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::StockRead)?;
    call.params(&[])?;
    let asked = call.preconditions()?;
    let skus = vec![Sku::parse(&sku)?.to_string()];
    let store = api.reads.turn(&call.tenant).await?;
    let page = store.stock(&call.tenant, skus, None, VENDORS).await?;
    let mut rows = page.items.iter();
    let row = rows.find(|row| row.vendor == Vendor::local());
    let row = row.ok_or_else(|| {
        let detail = "this sku is not tracked in your own warehouse";
        Problem::new(codes::STOCK_NOT_FOUND, detail).of("sku")
    })?;
    let tag = Tag::marked(row.level.version, row.level.reserved);
    preconditions::show(&asked, tag, &StockView::read(row, false))
}

/// A count, or what came or went.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StockBody<'a> {
    /// What was counted: a whole number; 5 and 5.0 are the same one.
    #[serde(borrow)]
    #[schema(value_type = Option<i64>)]
    on_hand: Text<'a>,
    /// What came or, below zero, went.
    #[serde(borrow)]
    #[schema(value_type = Option<i64>)]
    delta: Text<'a>,
    /// What is kept back from sale from now on.
    #[serde(borrow)]
    #[schema(value_type = Option<i64>)]
    safety: Text<'a>,
    /// Why.
    reason: Option<String>,
    /// The caller's own name for this change, kept with the movement.
    reference: Option<String>,
}

/// Counts a sku of our own warehouse, or books what came or went.
#[utoipa::path(
    put, path = "/v1/stock/{sku}", operation_id = "setStock", tag = "stock",
    params(
        ("sku" = String, Path, description = "The sku"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one; `*`: only if it is there", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if it is not there yet", example = "*"),
    ),
    request_body(content = StockBody<'static>),
    responses((status = 200, description = "The row after it", body = StockView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["stock:write"])),
)]
pub async fn put(
    State(api): State<Arc<StockApi>>,
    Path(sku): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::StockWrite).await?;
    let preconditions = call.preconditions()?;
    let body: StockBody<'_> = strict::read(&body)?;
    let number = |field: &str, raw: Text<'_>| raw.map(|raw| amount::whole(field, raw)).transpose();
    let (on_hand, delta) = (
        number("onHand", body.on_hand)?,
        number("delta", body.delta)?,
    );
    let safety = number("safety", body.safety)?;
    let now = api.contexts.now();
    let change = StockChange {
        tenant: call.tenant.clone(),
        sku: Sku::parse(&sku)?,
        vendor: Vendor::local(),
        adjustment: adjustment(on_hand, delta, safety)?,
        safety,
        preconditions,
        claim: None,
        reason: order_request::free("reason", body.reason)?,
        reference: order_request::reference("reference", body.reference)?,
        event_id: api.contexts.entropy.uuid_v7(now.0),
        meta: call.meta(),
        at: now,
    };
    let adjusted = commands::adjust_stock(&api.commands, &once, &change).await;
    let not_found = || Problem::new(codes::NOT_FOUND, "there is no such row");
    let Commanded { after, replayed } =
        adjusted.map_err(|error| errors::of_command(error, not_found))?;
    let answer = versioned(StatusCode::OK, after.level.version, &StockView::new(&after));
    Ok(command::marked(answer, replayed))
}

fn adjustment(
    on_hand: Option<i64>,
    delta: Option<i64>,
    safety: Option<i64>,
) -> Result<Adjustment, Problem> {
    match (on_hand, delta) {
        (Some(count), None) => Ok(Adjustment::Count(count)),
        (None, Some(delta)) => Ok(Adjustment::Delta(delta)),
        (None, None) if safety.is_some() => Ok(Adjustment::Delta(0)),
        (None, None) => {
            let detail = "say onHand (what was counted) or delta (what came or went)";
            Err(Problem::new(code::REQUIRED, detail).of("onHand"))
        }
        (Some(_), Some(_)) => {
            let detail = "onHand and delta exclude each other";
            Err(Problem::new(code::INVALID_VALUE, detail).of("delta"))
        }
    }
}

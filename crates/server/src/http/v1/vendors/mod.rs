//! `/v1/vendors`: whose stock orders may draw on, of the caller's tenant; and reading that stock now.
//!
//! A vendor's address is an operator's word: only the scope `admin` changes it.

mod change;
mod sync;
mod view;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use waybill_domain::precondition::Tag;
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::vendor::{self, StockSync, VendorRecord};

pub use self::change::{__path_put, __path_remove, put, remove};
pub use self::sync::{__path_sync_all, __path_sync_one, sync_all, sync_one};
use self::view::VendorView;
use super::answer::Answer;
use super::apis::VendorsApi;
use super::call::{Call, versioned};
use super::cursor::Cursor;
use super::page::Page;
use super::problem::Problem;
use super::{codes, preconditions};
use crate::auth::Scope;
use crate::http::json;

/// Vendors of one tenant: sourcing looks at all of them.
pub(super) const MOST: usize = 100;

/// The vendors of the tenant.
#[utoipa::path(
    get, path = "/v1/vendors", operation_id = "listVendors", tag = "vendors",
    params(
        ("after" = Option<String>, Query, description = "Goes on after this cursor"),
        ("limit" = Option<u32>, Query, description = "Items at most"),
    ),
    responses((status = 200, description = "By name", body = Page<VendorView<'static>>)),
    security(("token" = ["stock:read"])),
)]
pub async fn list(State(api): State<Arc<VendorsApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::StockRead)?;
    let params = call.params(&["after", "limit"])?;
    let after = params.one("after")?.map(Cursor::vendor).transpose()?;
    let limit = params.limit(&api.requests.limits)?;
    let page = {
        let store = api.reads.turn(&call.tenant).await?;
        store.list_vendors(&call.tenant, after, limit).await?
    };
    let shown = api.beside(&call.tenant, page.items).await?;
    let items = shown.iter().map(|of| of.view(&api)).collect();
    let next = page.next.as_ref().map(Cursor::of_vendor);
    Ok(json::of(&Page { items, next }).into_response())
}

/// One vendor.
#[utoipa::path(
    get, path = "/v1/vendors/{name}", operation_id = "getVendor", tag = "vendors",
    params(
        ("name" = String, Path, description = "The vendor's name"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when its version is still this one", example = "\"3\""),
    ),
    responses((status = 200, description = "The vendor", body = VendorView<'static>, headers(("ETag" = String, description = "Its version, in quotes"))), (status = 304, description = "The caller has it already")),
    security(("token" = ["stock:read"])),
)]
pub async fn get(
    State(api): State<Arc<VendorsApi>>,
    Path(name): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::StockRead)?;
    call.params(&[])?;
    let asked = call.preconditions()?;
    let vendor = found(&api, &call.tenant, &name).await?;
    let tag = Tag::of(vendor.version);
    let shown = api.beside(&call.tenant, vec![vendor]).await?;
    let first = shown.first().ok_or_else(not_found)?;
    preconditions::show(&asked, tag, &first.view(&api))
}

/// A vendor with how its last reading went.
struct Beside {
    vendor: VendorRecord,
    sync: StockSync,
}

impl Beside {
    fn view<'a>(&'a self, api: &VendorsApi) -> VendorView<'a> {
        let now = api.contexts.now();
        VendorView::of(&self.vendor, &self.sync, now, api.interval_ms)
    }

    fn answer(&self, api: &VendorsApi, status: StatusCode) -> Response {
        versioned(status, self.vendor.version, &self.view(api))
    }
}

impl VendorsApi {
    /// The vendors, each with how its last reading went.
    async fn beside(
        &self,
        tenant: &Tenant,
        vendors: Vec<VendorRecord>,
    ) -> Result<Vec<Beside>, Problem> {
        // As many as a tenant may have, and removed ones.
        let store = self.reads.turn(tenant).await?;
        let syncs = store.stock_syncs(Some(tenant), 10 * MOST).await?;
        let pairs = vendor::with_syncs(vendors, syncs).into_iter();
        Ok(pairs
            .map(|(vendor, sync)| Beside { vendor, sync })
            .collect())
    }
}

/// A vendor of the caller's tenant that was not removed.
async fn found(api: &VendorsApi, tenant: &Tenant, name: &str) -> Result<VendorRecord, Problem> {
    let on_record = on_record(api, tenant, name).await?;
    on_record
        .filter(|vendor| vendor.removed_at.is_none())
        .ok_or_else(not_found)
}

/// A vendor of the caller's tenant, also a removed one.
async fn on_record(
    api: &VendorsApi,
    tenant: &Tenant,
    name: &str,
) -> Result<Option<VendorRecord>, Problem> {
    let name = Vendor::parse(name).map_err(|_| not_found())?;
    let store = api.reads.turn(tenant).await?;
    Ok(store.vendor(tenant, &name).await?)
}

fn not_found() -> Problem {
    Problem::new(codes::VENDOR_NOT_FOUND, "no vendor of yours has this name")
}

//! Reading the stock of vendors now, instead of at the next interval.
//!
//! The request is recorded; the process that runs the role `stock-sync` does it. The answer waits for that, within the
//! time of a command.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tokio::time::Instant;
use waybill_domain::text::Vendor;
use waybill_domain::time::Time;
use waybill_domain::vendor::VendorRecord;

use super::super::answer::Answer;
use super::super::apis::VendorsApi;
use super::super::call::Call;
use super::super::problem::Problem;
use super::view::SyncedView;
use super::{Beside, MOST, found};
use crate::auth::Scope;
use crate::http::json;

/// How often it is looked whether the readings were tried.
const LOOK: Duration = Duration::from_millis(50);

/// Reads the stock of all vendors in use.
#[utoipa::path(
    post, path = "/v1/stock/sync", operation_id = "syncStock", tag = "vendors",
    responses(
        (status = 200, description = "All were tried; how each went", body = SyncedView<'static>),
        (status = 202, description = "Some are still being tried", body = SyncedView<'static>),
    ),
    security(("token" = ["stock:write"])),
)]
pub async fn sync_all(State(api): State<Arc<VendorsApi>>, request: Request) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::StockWrite)?;
    call.params(&[])?;
    let vendors = {
        let store = api.reads.turn(&call.tenant).await?;
        store.list_vendors(&call.tenant, None, MOST).await?
    };
    let in_use = vendors.items.into_iter().filter(VendorRecord::is_in_use);
    synced(&api, &call, in_use.collect()).await
}

/// Reads the stock of one vendor.
#[utoipa::path(
    post, path = "/v1/vendors/{name}/sync", operation_id = "syncVendor", tag = "vendors",
    params(("name" = String, Path, description = "The vendor's name")),
    responses(
        (status = 200, description = "It was tried; how it went", body = SyncedView<'static>),
        (status = 202, description = "It is still being tried", body = SyncedView<'static>),
    ),
    security(("token" = ["stock:write"])),
)]
pub async fn sync_one(
    State(api): State<Arc<VendorsApi>>,
    Path(name): Path<String>,
    request: Request,
) -> Answer {
    let call = Call::open(&api.requests, request.into_parts().0, Scope::StockWrite)?;
    call.params(&[])?;
    let vendor = found(&api, &call.tenant, &name).await?;
    if !vendor.is_in_use() {
        let detail = "the vendor is not enabled, so its stock is not read";
        return Err(Problem::new(super::codes::VENDOR_DISABLED, detail));
    }
    synced(&api, &call, vec![vendor]).await
}

/// Asks for the readings and waits until each was tried.
async fn synced(api: &VendorsApi, call: &Call, vendors: Vec<VendorRecord>) -> Answer {
    let asked = api.contexts.now();
    let names: Vec<Vendor> = vendors.iter().map(|vendor| vendor.name.clone()).collect();
    if !names.is_empty() {
        api.store.ask_for_sync(&call.tenant, names, asked).await?;
    }
    let deadline = Instant::now() + api.queue.wait;
    loop {
        let beside = api.beside(&call.tenant, vendors.clone()).await?;
        let done = beside.iter().all(|of| was_tried(of, asked));
        if done || Instant::now() >= deadline {
            return Ok(shown(api, &beside, done));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn was_tried(of: &Beside, asked: Time) -> bool {
    of.sync.tried_at.is_some_and(|tried| tried > asked)
}

fn shown(api: &VendorsApi, beside: &[Beside], done: bool) -> Response {
    let items = beside.iter().map(|of| of.view(api)).collect();
    let status = if done {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    (status, json::of(&SyncedView { done, items })).into_response()
}

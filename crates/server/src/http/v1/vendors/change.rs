//! Adding, changing and removing a vendor.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use http::StatusCode;
use waybill_domain::precondition::Preconditions;
use waybill_domain::problem::code;
use waybill_domain::vendor::{self, StockSync, VendorRecord, VendorTerms};
use waybill_store::Error as StoreError;

use super::super::answer::Answer;
use super::super::apis::VendorsApi;
use super::super::call::Call;
use super::super::kept::Kept;
use super::super::order_body::Text;
use super::super::problem::Problem;
use super::super::{amount, codes, errors, member, strict};
use super::view::VendorBody;
use super::{Beside, MOST, not_found, on_record};
use crate::auth::Scope;
use crate::commands::{Thing, Tries, is_key_used};
use crate::http::json;
use crate::once::Once;
use crate::vendors::address;

/// A request that changes a vendor.
struct Change<'a> {
    api: &'a VendorsApi,
    call: &'a Call,
    name: &'a str,
    asked: Preconditions,
    once: Once,
}

/// Adds a vendor, or changes what is said about it. A vendor that was removed comes back.
#[utoipa::path(
    put, path = "/v1/vendors/{name}", operation_id = "setVendor", tag = "vendors",
    params(
        ("name" = String, Path, description = "The vendor's name; not `local` or `inventory`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one; `*`: only if it is there", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if it is not there yet", example = "*"),
    ),
    request_body(content = VendorBody<'static>),
    responses(
        (status = 200, description = "The vendor", body = super::view::VendorView<'static>, headers(("ETag" = String, description = "Its version, in quotes"))),
        (status = 201, description = "The vendor, which is new", body = super::view::VendorView<'static>, headers(("ETag" = String, description = "Its version, in quotes"))),
    ),
    security(("token" = ["admin"])),
)]
pub async fn put(
    State(api): State<Arc<VendorsApi>>,
    Path(name): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::Admin).await?;
    let asked = call.preconditions()?;
    let body: VendorBody<'_> = strict::read(&body)?;
    let name = vendor::parse_name(&name)?;
    let change = Change {
        api: &api,
        call: &call,
        name: name.as_str(),
        asked,
        once,
    };
    let decide = |before: Option<&VendorRecord>| {
        let terms = terms(&api, before, &body)?;
        let now = api.contexts.now();
        Ok(match before {
            Some(before) => before.changed(terms, now),
            None => VendorRecord::new(call.tenant.clone(), name.clone(), terms, now),
        })
    };
    change.make("vendor set", decide).await
}

/// Removes a vendor: its stock is read no more, and no order draws on it. Its stock rows and movements stay, and so does
/// its name on orders.
#[utoipa::path(
    post, path = "/v1/vendors/{name}/remove", operation_id = "removeVendor", tag = "vendors",
    params(
        ("name" = String, Path, description = "The vendor's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one; `*`: only if it is there", example = "\"3\""),
    ),
    responses((status = 200, description = "The vendor as it was, removed", body = super::view::VendorView<'static>, headers(("ETag" = String, description = "Its version, in quotes")))),
    security(("token" = ["admin"])),
)]
pub async fn remove(
    State(api): State<Arc<VendorsApi>>,
    Path(name): Path<String>,
    request: Request,
) -> Answer {
    let (call, _, once) = Call::command(&api.requests, request, Scope::Admin).await?;
    let asked = call.preconditions()?;
    let change = Change {
        api: &api,
        call: &call,
        name: &name,
        asked,
        once,
    };
    let decide = |before: Option<&VendorRecord>| match before {
        Some(before) if before.removed_at.is_none() => Ok(before.removed(api.contexts.now())),
        Some(_) | None => Err(not_found()),
    };
    change.make("vendor removed", decide).await
}

impl Change<'_> {
    /// Decides on the present vendor and writes the result; once more when another change came between.
    async fn make(
        self,
        what: &'static str,
        decide: impl Fn(Option<&VendorRecord>) -> Result<VendorRecord, Problem>,
    ) -> Answer {
        let (api, tenant) = (self.api, &self.call.tenant);
        let not_done = |error| errors::of_command(error, not_found);
        let tries = Tries::begin(&api.queue, Thing::Vendor, (tenant, self.name)).await;
        let mut tries = tries.map_err(not_done)?;
        loop {
            let done = self.once.done_before(&*api.claims).await;
            if let Some(kept) = done.map_err(not_done)? {
                let kept = Kept::read(kept)?;
                let status = if kept.is_of_something_new() {
                    StatusCode::CREATED
                } else {
                    StatusCode::OK
                };
                return Ok(kept.answer(status));
            }
            let before = on_record(api, tenant, self.name).await?;
            let live = before.as_ref().filter(|v| v.removed_at.is_none());
            self.asked.check(live.map(|vendor| vendor.version))?;
            let after = decide(before.as_ref())?;
            if live.is_none() {
                check_room(api, self.call).await?;
            }
            let status = if live.is_none() {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let shown = Beside {
                sync: StockSync::never(tenant.clone(), after.name.clone()),
                vendor: after,
            };
            let claim = self.once.claim_with(&json::of(&shown.view(api)).0);
            match api.store.write_vendor(&shown.vendor, claim).await {
                Ok(()) => {
                    let by = &self.call.identity.subject;
                    tracing::info!(vendor = %shown.vendor.name, tenant = %tenant, %by, "{what}");
                    let shown = api.beside(tenant, vec![shown.vendor]).await?;
                    let first = shown.first().ok_or_else(not_found)?;
                    return Ok(first.answer(api, status));
                }
                Err(error) if is_key_used(&error) => tries.again().await.map_err(not_done)?,
                Err(StoreError::Conflict { .. }) => tries.again().await.map_err(not_done)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Refuses one vendor more than a tenant may have. Requests at the same moment may exceed it by their number.
async fn check_room(api: &VendorsApi, call: &Call) -> Result<(), Problem> {
    let store = api.reads.turn(&call.tenant).await?;
    let vendors = store.list_vendors(&call.tenant, None, MOST).await?;
    if vendors.items.len() < MOST {
        return Ok(());
    }
    let detail = format!("there are {MOST} vendors already");
    Err(Problem::new(codes::TOO_MANY_VENDORS, detail).with(member::LIMIT, &MOST))
}

/// The terms after a request: what it says, over what was said before or is said of a new vendor.
fn terms(
    api: &VendorsApi,
    before: Option<&VendorRecord>,
    body: &VendorBody<'_>,
) -> Result<VendorTerms, Problem> {
    let base_url =
        match &body.base_url {
            Some(text) => Some(address::check(text, api.plain_http).map_err(|fault| {
                Problem::new(code::INVALID_VALUE, fault.to_string()).of("baseUrl")
            })?),
            None => None,
        };
    let mut terms = match (before, base_url) {
        (Some(before), None) => before.terms.clone(),
        (Some(before), Some(url)) => VendorTerms {
            base_url: url.into(),
            ..before.terms.clone()
        },
        (None, Some(url)) => VendorTerms::at(url.into()),
        (None, None) => {
            let detail = "a new vendor needs its address";
            return Err(Problem::new(code::REQUIRED, detail).of("baseUrl"));
        }
    };
    let whole = |field: &str, text: Text<'_>, into: &mut i64| -> Result<(), Problem> {
        if let Some(raw) = text {
            *into = amount::whole(field, raw)?;
        }
        Ok(())
    };
    whole("priority", body.priority, &mut terms.priority)?;
    whole("cost", body.cost, &mut terms.cost)?;
    whole(
        "leadTimeHours",
        body.lead_time_hours,
        &mut terms.lead_time_hours,
    )?;
    let rate = &mut terms.rate_limit_per_s;
    whole("rateLimitPerSecond", body.rate_limit_per_second, rate)?;
    terms.idempotent = body.idempotent.unwrap_or(terms.idempotent);
    terms.enabled = body.enabled.unwrap_or(terms.enabled);
    terms.check()?;
    Ok(terms)
}

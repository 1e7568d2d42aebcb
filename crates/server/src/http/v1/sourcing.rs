//! `POST /v1/sourcing/simulate`: where an order's units would come from now. Nothing is reserved and nobody is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybill_domain::allocation;
use waybill_domain::problem::{Problem as Checked, code};
use waybill_domain::sourcing::{self, Need, Part};
use waybill_domain::stock::StockRow;
use waybill_domain::text::{Sku, Tenant};

use super::amount_view::as_text;
use super::answer::Answer;
use super::apis::VendorsApi;
use super::call::Call;
use super::order_body::Text;
use super::problem::Problem;
use super::stock::SKUS;
use super::vendors::MOST;
use super::{amount, strict};
use crate::auth::Scope;
use crate::http::json;
use crate::http::object::Object;

/// Stock rows that are read at once.
const PAGE: usize = 1_000;

/// What would be ordered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourcingBody<'a> {
    /// The lines of the order; their ids in the answer are 1, 2, 3, …
    #[serde(borrow)]
    #[schema(value_type = Vec<SourcingLine<'static>>)]
    lines: Vec<Object<SourcingLine<'a>>>,
}

/// A line of what would be ordered.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourcingLine<'a> {
    /// What would be ordered; case-sensitive.
    sku: String,
    /// Units: a whole number from 1.
    #[serde(borrow)]
    #[schema(value_type = i64)]
    quantity: Text<'a>,
}

/// Where the units would come from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourcingView {
    /// Whether all of it is there.
    possible: bool,
    /// By line; empty when not all of it is there.
    parts: Vec<PartView>,
    /// Why these vendors; null when not all of it is there.
    reason: Option<String>,
    /// The skus of which all together have too little.
    shortages: Vec<ShortageView>,
}

/// Units of a line from one vendor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SourcingPart)]
struct PartView {
    /// The line's id.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, example = "1")]
    line: u16,
    /// What would be ordered.
    sku: String,
    /// Who would send it.
    vendor: String,
    /// Units from there.
    #[schema(minimum = 1)]
    quantity: i64,
}

/// A sku of which there is too little.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SourcingShortage)]
struct ShortageView {
    /// What would be ordered.
    sku: String,
    /// Units of all lines together.
    #[schema(minimum = 1)]
    requested: i64,
    /// What all sources have together.
    #[schema(minimum = 0)]
    available: i64,
}

/// Says where an order's units would come from now.
///
/// The fewest vendors win, then those with the lowest priority, then the cheapest, then those with the most stock; our
/// own stock comes before all. Nothing is reserved, and no vendor is asked.
#[utoipa::path(
    post, path = "/v1/sourcing/simulate", operation_id = "simulateSourcing", tag = "vendors",
    request_body(content = SourcingBody<'static>),
    responses((status = 200, description = "Where they would come from", body = SourcingView)),
    security(("token" = ["stock:read"])),
)]
pub async fn simulate(State(api): State<Arc<VendorsApi>>, request: Request) -> Answer {
    let (call, body) = Call::with_body(&api.requests, request, Scope::StockRead).await?;
    call.params(&[])?;
    let body: SourcingBody<'_> = strict::read(&body)?;
    let needs = needs(body, &api)?;
    let skus: BTreeSet<&Sku> = needs.iter().map(|need| &need.sku).collect();
    let rows = rows(&api, &call.tenant, &skus).await?;
    let vendors = {
        let store = api.reads.turn(&call.tenant).await?;
        store.list_vendors(&call.tenant, None, MOST).await?
    };
    let planned = sourcing::plan(&needs, &allocation::offers(&rows, &vendors.items));
    Ok(json::of(&SourcingView::of(planned)).into_response())
}

fn needs(body: SourcingBody<'_>, api: &VendorsApi) -> Result<Vec<Need>, Checked> {
    if body.lines.is_empty() {
        let detail = "at least one line is required";
        return Err(Checked::new(code::REQUIRED, "lines", detail));
    }
    if body.lines.len() > SKUS {
        let detail = format!("at most {SKUS} lines; this has {}", body.lines.len());
        return Err(Checked::new(code::TOO_MANY_LINES, "lines", detail));
    }
    let most = api.requests.limits.quantity;
    let lines = body.lines.into_iter().zip(1_u16..);
    let need = |(Object(line), id): (Object<SourcingLine<'_>>, u16)| {
        let missing = || Checked::new(code::REQUIRED, "quantity", "is required");
        let need = || {
            Ok(Need {
                line: id,
                sku: Sku::parse(&line.sku)?,
                units: amount::quantity("quantity", line.quantity.ok_or_else(missing)?, most)?,
            })
        };
        need().map_err(|fault: Checked| fault.below(&format!("lines[{}]", id - 1)))
    };
    lines.map(need).collect()
}

/// Every stock row of these skus.
async fn rows(
    api: &VendorsApi,
    tenant: &Tenant,
    skus: &BTreeSet<&Sku>,
) -> Result<Vec<StockRow>, Problem> {
    let (mut rows, mut after) = (vec![], None);
    loop {
        let skus = skus.iter().map(ToString::to_string).collect();
        let store = api.reads.turn(tenant).await?;
        let page = store.stock(tenant, skus, after, PAGE).await?;
        rows.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(rows),
        }
    }
}

impl SourcingView {
    fn of(planned: Result<sourcing::Plan, Vec<waybill_domain::refusal::Shortage>>) -> Self {
        match planned {
            Ok(plan) => Self {
                possible: true,
                parts: plan.parts.into_iter().map(PartView::of).collect(),
                reason: Some(plan.reason),
                shortages: vec![],
            },
            Err(shortages) => Self {
                possible: false,
                parts: vec![],
                reason: None,
                shortages: shortages
                    .into_iter()
                    .map(|of| ShortageView {
                        sku: of.sku.to_string(),
                        requested: of.requested,
                        available: of.available,
                    })
                    .collect(),
            },
        }
    }
}

impl PartView {
    fn of(part: Part) -> Self {
        Self {
            line: part.line,
            sku: part.sku.to_string(),
            vendor: part.vendor.to_string(),
            quantity: part.units,
        }
    }
}

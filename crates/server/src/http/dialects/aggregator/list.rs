//! `GET /api/orders`: orders by pages that are numbered, with how many there are.
//!
//! The store walks orders newest first and looks at a bounded number a call. Orders are counted up to a bound, so that a
//! page costs the same however many there are; beyond it the total is what was counted.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Uri};
use serde::Serialize;
use utoipa::ToSchema;
use waybill_domain::status::OrderStatus;
use waybill_store::{OrderFilter, OrderRecord, Result as StoreResult, Store};

use super::DIALECT;
use super::answer::AggregatorOrder;
use super::api::AggregatorApi;
use super::caller::Caller;
use super::status_words::{statuses, words};
use super::stored::Stored;
use crate::auth::Scope;
use crate::config::Limits;
use crate::http::json;
use crate::http::v1::params::Params;
use crate::http::v1::problem::Problem;

/// Up to so many orders are counted exactly.
const COUNTED: usize = 10_000;
/// The last page that may be asked for: that of the last order that is counted, where a page has one.
pub const LAST_PAGE: usize = COUNTED;
/// Calls to the store that count orders for one page.
const WALKS: usize = 10;

/// Orders by pages, newest first. Without a token those that were placed in this dialect.
#[utoipa::path(
    get, path = "/api/orders", operation_id = "listApiOrders", tag = "aggregator dialect",
    params(
        ("page" = Option<u32>, Query, description = "1 is the newest"),
        ("limit" = Option<u32>, Query, description = "Orders on a page"),
        ("status" = Option<String>, Query, description = "Orders that stand so", example = "confirmed"),
    ),
    responses((status = 200, description = "A page, newest first", body = AggregatorList<'static>)),
    security(("token" = ["order:read"])),
)]
pub async fn list(State(api): State<Arc<AggregatorApi>>, headers: HeaderMap, uri: Uri) -> Response {
    DIALECT.speak(page(&api, &headers, &uri).await)
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
pub struct AggregatorList<'a> {
    /// Always true.
    success: bool,
    /// The page.
    data: AggregatorPage<'a>,
}

/// Orders, and which part of all they are.
#[derive(Serialize, ToSchema)]
struct AggregatorPage<'a> {
    /// Newest first.
    orders: Vec<AggregatorOrder<'a>>,
    /// Which part of all they are.
    pagination: Pagination,
}

/// Which part of all orders a page is.
#[derive(Serialize, ToSchema)]
#[schema(as = AggregatorPagination)]
struct Pagination {
    /// Its number; 1 is the newest.
    page: usize,
    /// Orders on a page.
    limit: usize,
    /// How many there are; exact up to 10,000, at least so many beyond.
    total: usize,
    /// Pages that these fill.
    pages: usize,
}

/// What was asked for.
struct Asked {
    page: usize,
    limit: usize,
    statuses: Vec<OrderStatus>,
}

impl Asked {
    /// Reads the query; other parameters are ignored, and a page that is too long is as long as it may be.
    fn of(params: &Params, limits: &Limits) -> Result<Self, Problem> {
        let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n > 0);
        let most = limits.page_max as usize;
        let limit = params.read("limit", "a number from 1", number)?;
        let limit = limit.unwrap_or(limits.page_default as usize).min(most);
        let expected = format!("a number from 1 to {LAST_PAGE}");
        let within = |text: &str| number(text).filter(|page| *page <= LAST_PAGE);
        let all: Vec<&str> = words().into_iter().collect();
        let read = |word: &str| Some(statuses(word)).filter(|of| !of.is_empty());
        Ok(Self {
            page: params.read("page", &expected, within)?.unwrap_or(1),
            limit,
            statuses: params
                .read("status", &format!("one of {}", all.join(", ")), read)?
                .unwrap_or_default(),
        })
    }

    fn skipped(&self) -> usize {
        (self.page - 1) * self.limit
    }
}

async fn page(api: &AggregatorApi, headers: &HeaderMap, uri: &Uri) -> Result<Response, Problem> {
    let caller = Caller::of(api, headers, Scope::OrderRead)?;
    let params = Params::some_of_query(uri, &["page", "limit", "status"])?;
    let asked = Asked::of(&params, &api.requests.limits)?;
    let store = api.reads.turn(&caller.tenant).await?;
    let filter = OrderFilter {
        statuses: asked.statuses.clone(),
        dialect: caller.sees_only(),
        ..OrderFilter::default()
    };
    let (total, orders) = shown(&*store, &caller, &filter, &asked).await?;
    drop(store);
    let list = AggregatorList {
        success: true,
        data: AggregatorPage {
            orders: orders.iter().map(AggregatorOrder::of_stored).collect(),
            pagination: Pagination {
                page: asked.page,
                limit: asked.limit,
                total,
                pages: total.div_ceil(asked.limit),
            },
        },
    };
    Ok(json::of(&list).into_response())
}

/// How many orders there are, and those of the page.
async fn shown(
    store: &dyn Store,
    caller: &Caller,
    filter: &OrderFilter,
    asked: &Asked,
) -> StoreResult<(usize, Vec<Stored>)> {
    let skipped = asked.skipped();
    let wanted = COUNTED.max(skipped + asked.limit);
    let (mut numbers, mut before) = (vec![], None);
    for _ in 0..WALKS {
        let filter = OrderFilter {
            before,
            limit: wanted - numbers.len(),
            ..filter.clone()
        };
        let walked = store.order_numbers(&caller.tenant, filter).await?;
        numbers.extend(walked.items);
        before = walked.next;
        if before.is_none() || numbers.len() >= wanted {
            break;
        }
    }
    let Some(first) = numbers.get(skipped) else {
        return Ok((numbers.len(), vec![]));
    };
    let mut records: Vec<OrderRecord> = vec![];
    let mut before = Some(first + 1);
    let there = asked.limit.min(numbers.len() - skipped);
    while before.is_some() && records.len() < there {
        let filter = OrderFilter {
            before,
            limit: there - records.len(),
            ..filter.clone()
        };
        let walked = store.list_orders(&caller.tenant, filter).await?;
        records.extend(walked.items);
        before = walked.next;
    }
    Ok((numbers.len(), readable(records)))
}

/// The orders whose texts can be read. A damaged one does not make the others invisible; it is logged.
fn readable(records: Vec<OrderRecord>) -> Vec<Stored> {
    let each = records
        .into_iter()
        .map(|record| (record.order.id, Stored::read(record)));
    let shown = each.filter_map(|(id, read)| {
        read.map_err(|error| {
            let error = waybill_store::with_sources(&error);
            tracing::error!(order_id = %id, error, "an order cannot be shown");
        })
        .ok()
    });
    shown.collect()
}

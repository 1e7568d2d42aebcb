//! Taking an order whose caller is known and whose body was read.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use waybill_domain::content::Personal;

use super::answer::{AggregatorOrder, AggregatorTaken, ShortOrderTaken};
use super::api::AggregatorApi;
use super::caller::Caller;
use super::details::Details;
use super::refused;
use super::{DIALECT, SHAPE, SHORT};
use crate::http::body::Whole;
use crate::http::dialects::item_order::{self, Checked};
use crate::http::edge::Correlation;
use crate::http::json;
use crate::http::v1::command;
use crate::http::v1::problem::Problem;
use crate::intake::claims::ClientKey;
use crate::intake::draft::Draft;
use crate::intake::place::{self, Receipt};

/// Takes an order of several items.
///
/// # Errors
/// It was not taken.
pub async fn order(
    api: &AggregatorApi,
    caller: &Caller,
    correlation: &Correlation,
    headers: &HeaderMap,
    body: &Whole,
) -> Result<Response, Problem> {
    let key = key(api, headers)?;
    let limits = &api.requests.limits;
    let mut checked = match item_order::parse(body, &SHAPE, limits, api.rounding) {
        Ok(checked) => checked,
        Err(faults) => return Ok(refused::invalid(&faults)),
    };
    let details = match Details::of(body, limits) {
        Ok(details) => details,
        Err(problem) => return Ok(refused::invalid_member(&problem)),
    };
    checked.content.metadata = details.metadata;
    let receipt = place(api, caller, correlation, key, checked, details.personal).await?;
    let body = json::of(&AggregatorTaken::new(AggregatorOrder::of_receipt(&receipt)));
    let taken = (StatusCode::CREATED, body).into_response();
    Ok(command::marked(taken, receipt.replayed))
}

/// Takes an order of one product, which is answered with its id alone.
///
/// # Errors
/// It was not taken.
pub async fn short_order(
    api: &AggregatorApi,
    caller: &Caller,
    correlation: &Correlation,
    headers: &HeaderMap,
    body: &Whole,
) -> Result<Response, Problem> {
    let key = key(api, headers)?;
    let limits = &api.requests.limits;
    let checked = match item_order::parse_single(body, &SHORT, limits, api.rounding) {
        Ok(checked) => checked,
        Err(faults) => return Ok(refused::incomplete(&faults)),
    };
    let personal = Personal::default();
    let receipt = place(api, caller, correlation, key, checked, personal).await?;
    let taken = json::of(&ShortOrderTaken::new(receipt.id)).into_response();
    Ok(command::marked(taken, receipt.replayed))
}

fn key(api: &AggregatorApi, headers: &HeaderMap) -> Result<Option<ClientKey>, Problem> {
    let key = api.requests.key(&DIALECT, headers)?;
    DIALECT.key.check_order(key.as_ref(), false)?;
    Ok(key)
}

async fn place(
    api: &AggregatorApi,
    caller: &Caller,
    correlation: &Correlation,
    key: Option<ClientKey>,
    checked: Checked,
    personal: Personal,
) -> Result<Receipt, Problem> {
    let draft = Draft {
        dialect: DIALECT.name,
        content: checked.content,
        personal,
        holds: vec![],
        compared_total: checked.compared_total,
        key,
        key_window_ms: api.requests.key_window_ms,
        duplicate_window_ms: 0,
        // A sku that neither we nor a vendor have is one that is sold out.
        asks_inventory: false,
        meta: correlation.meta(&caller.identity),
    };
    // Boxed: it is large, and a handler is moved several times before it runs.
    Ok(Box::pin(place::place(&api.placing, &caller.identity, draft)).await?)
}

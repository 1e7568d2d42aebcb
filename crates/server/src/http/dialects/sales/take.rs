//! Taking an order whose caller is known and whose body was read.

use axum::response::Response;
use http::HeaderMap;
use waybill_domain::content::Personal;

use super::answer;
use super::api::SalesApi;
use super::{DIALECT, SHAPE};
use crate::auth::Identity;
use crate::http::body::Whole;
use crate::http::dialects::item_order;
use crate::http::edge::Correlation;
use crate::http::v1::problem::Problem;
use crate::intake::draft::Draft;
use crate::intake::place;

/// Takes an order.
///
/// # Errors
/// It was not taken.
pub async fn take(
    api: &SalesApi,
    identity: &Identity,
    correlation: &Correlation,
    headers: &HeaderMap,
    body: &Whole,
) -> Result<Response, Problem> {
    let requests = &api.requests;
    let key = requests.key(&DIALECT, headers)?;
    DIALECT.key.check_order(key.as_ref(), false)?;
    let checked = match item_order::parse(body, &SHAPE, &requests.limits, api.rounding) {
        Ok(checked) => checked,
        Err(faults) => return Ok(answer::invalid(&faults, &correlation.id)),
    };
    let draft = Draft {
        dialect: DIALECT.name,
        content: checked.content,
        personal: Personal::default(),
        holds: vec![],
        compared_total: checked.compared_total,
        key,
        key_window_ms: requests.key_window_ms,
        duplicate_window_ms: 0,
        asks_inventory: true,
        meta: correlation.meta(identity),
    };
    // Boxed: it is large, and a handler is moved several times before it runs.
    let receipt = Box::pin(place::place(&api.placing, identity, draft)).await?;
    Ok(answer::created(&receipt, &correlation.id))
}

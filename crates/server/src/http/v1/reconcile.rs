//! `POST /v1/stock/{sku}/reconcile`: makes a stock row agree with its movements and reservations.
//!
//! The sums are read first as any other read is, in the tenant's turn. Only where there is something to mend does the
//! store sum once more, in the transaction that mends it.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybill_domain::stock::{Adjustment, AdjustmentRefusal, Books, StockLevel};
use waybill_domain::text::{Sku, Vendor};
use waybill_store::StockChange;

use super::answer::Answer;
use super::apis::StockApi;
use super::call::{Call, versioned};
use super::codes;
use super::problem::Problem;
use super::stock::StockView;
use super::{command, errors, order_request, strict};
use crate::auth::Scope;
use crate::command_error::CommandError;
use crate::commands::{self, Commanded};
use crate::http::json;

/// Which row, and how.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReconcileBody {
    /// Whose stock it is; our own warehouse by default.
    #[schema(default = "local")]
    vendor: Option<String>,
    /// Only says what would be done.
    #[schema(default = false)]
    dry_run: Option<bool>,
    /// Why; it stands in the movement.
    reason: Option<String>,
    /// The caller's own name for it, kept with the movement.
    reference: Option<String>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReconcileOutcome {
    /// Row and ledger agree; nothing was written.
    AddsUp,
    /// They differ, and a call without `dryRun` mends it; nothing was written.
    WouldMend,
    /// They agree now.
    Mended,
}

/// What is on hand and what of it orders hold.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Units {
    /// Units that are there.
    on_hand: i64,
    /// Units kept for orders.
    reserved: i64,
}

impl Units {
    fn of(level: StockLevel) -> Self {
        Self {
            on_hand: level.counted(),
            reserved: level.reserved,
        }
    }
}

/// How row and ledger differ, and what makes them agree.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What the row says; missing where the row is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    row: Option<Units>,
    /// What movements less consumed units, and open reservations, add up to.
    ledger: Units,
    /// What the row says afterwards.
    after: Units,
    /// Units of the movement that is booked. It makes the movements add up to what the row has on hand.
    booked: i64,
}

/// A stock row and its ledger.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reconciled<'a> {
    /// What became of it.
    outcome: ReconcileOutcome,
    /// The sku.
    sku: &'a str,
    /// Whose stock it is.
    vendor: &'a str,
    /// How they differ; missing once it is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    difference: Option<Difference>,
    /// The row after it; missing where nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stock: Option<StockView<'a>>,
}

/// The reason of a movement where the caller gives none.
const REASON: &str = "reconciled with movements and reservations";

/// Makes a stock row agree with its movements and reservations.
///
/// Of what is reserved the open reservations are believed, of what is on hand the row: it stays, and the difference is
/// booked as a movement. Refused while an order of the sku disagrees with its reservations, and where orders hold more
/// than is on hand.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/reconcile", operation_id = "reconcileStock", tag = "stock",
    params(
        ("sku" = String, Path, description = "The sku"),
        ("Idempotency-Key" = Option<String>, Header, description = "Done once: the same key and request again is answered with what the first came to", example = "web-8812"),
        ("If-Match" = Option<String>, Header, description = "Only if its version is still this one; `*`: only if it is there", example = "\"3\""),
    ),
    request_body(content = ReconcileBody),
    responses((status = 200, description = "What was done or would be", body = Reconciled<'static>, headers(("ETag" = String, description = "The row's version, in quotes, once it is mended")))),
    security(("token" = ["stock:write"])),
)]
pub async fn reconcile(
    State(api): State<Arc<StockApi>>,
    Path(sku): Path<String>,
    request: Request,
) -> Answer {
    let (call, body, once) = Call::command(&api.requests, request, Scope::StockWrite).await?;
    let preconditions = call.preconditions()?;
    let body: ReconcileBody = strict::read_or_empty(&body)?;
    let reason = order_request::free("reason", body.reason)?;
    let vendor = body.vendor.as_deref().map(Vendor::parse).transpose()?;
    let now = api.contexts.now();
    let change = StockChange {
        tenant: call.tenant.clone(),
        sku: Sku::parse(&sku)?,
        vendor: vendor.unwrap_or_else(Vendor::local),
        adjustment: Adjustment::Reconcile,
        safety: None,
        preconditions,
        claim: None,
        reason: Some(reason.unwrap_or_else(|| REASON.to_owned())),
        reference: order_request::reference("reference", body.reference)?,
        event_id: api.contexts.entropy.uuid_v7(now.0),
        meta: call.meta(),
        at: now,
    };
    let is_dry = body.dry_run.unwrap_or(false);
    let done_before = once.done_before(&*api.commands.claims).await;
    if is_dry || done_before.map_err(not_done)?.is_none() {
        let found = look(&api, &change).await?;
        if is_dry || matches!(found.outcome, ReconcileOutcome::AddsUp) {
            return Ok(json::of(&found).into_response());
        }
    }
    match commands::adjust_stock(&api.commands, &once, &change).await {
        Ok(Commanded { after, replayed }) => {
            let mended = Reconciled {
                outcome: ReconcileOutcome::Mended,
                sku: change.sku.as_str(),
                vendor: change.vendor.as_str(),
                difference: None,
                stock: Some(StockView::new(&after)),
            };
            let answer = versioned(StatusCode::OK, after.level.version, &mended);
            Ok(command::marked(answer, replayed))
        }
        // Another call has mended it since it was looked at.
        Err(CommandError::Stock(AdjustmentRefusal::AddsUp)) => {
            Ok(json::of(&look(&api, &change).await?).into_response())
        }
        Err(error) => Err(not_done(error)),
    }
}

fn not_done(error: CommandError) -> Problem {
    let not_found = || Problem::new(codes::NOT_FOUND, "there is no such row");
    errors::of_command(error, not_found)
}

/// Reads row and ledger, and says what a call would do.
async fn look<'c>(api: &StockApi, change: &'c StockChange) -> Result<Reconciled<'c>, Problem> {
    let store = api.reads.turn(&change.tenant).await?;
    let books = store
        .stock_books(&change.tenant, &change.sku, &change.vendor)
        .await?;
    let Books { row, ledger } = books;
    let before = row.unwrap_or_default();
    let (outcome, after, booked) = match change.decide(before, &ledger) {
        Ok(decided) => (ReconcileOutcome::WouldMend, decided.after, decided.delta),
        Err(AdjustmentRefusal::AddsUp) => (ReconcileOutcome::AddsUp, before, 0),
        Err(refusal) => return Err(refusal.into()),
    };
    let difference = Difference {
        row: row.map(Units::of),
        ledger: Units {
            on_hand: ledger.on_hand(),
            reserved: ledger.held,
        },
        after: Units::of(after),
        booked,
    };
    Ok(Reconciled {
        outcome,
        sku: change.sku.as_str(),
        vendor: change.vendor.as_str(),
        difference: Some(difference),
        stock: None,
    })
}

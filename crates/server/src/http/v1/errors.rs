//! Which problem each error is, for all dialects: of tokens, bodies, the domain's refusals, intake, and the store.

use waybill_domain::claim::ClaimKind;
use waybill_domain::ids::OrderId;
use waybill_domain::precondition::Unmet;
use waybill_domain::problem::Problem as Invalid;
use waybill_domain::refusal::{Refusal, Shortage};
use waybill_domain::retry_after::RetryAfter;
use waybill_domain::stock::AdjustmentRefusal;
use waybill_store::Error as StoreError;

use super::codes;
use super::member;
use super::problem::Problem;
use crate::auth::TokenError;
use crate::command_error::CommandError;
use crate::http::access::Denied;
use crate::http::body_error::BodyError;
use crate::intake::IntakeError;
use crate::intake::place::PlaceError;
use crate::inventory::InventoryError;

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::new(invalid.code, invalid.detail).of(invalid.field)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Token(missing @ TokenError::Missing) => {
                Self::new(missing.code(), missing.to_string()).challenge("")
            }
            Denied::Token(bad) => {
                let told = format!(", error=\"invalid_token\", error_description=\"{bad}\"");
                Self::new(bad.code(), bad.to_string()).challenge(&told)
            }
            Denied::Scope(scope) => {
                let told = format!(", error=\"insufficient_scope\", scope=\"{scope}\"");
                let detail = format!("the token lacks the scope {scope}");
                Self::new(codes::INSUFFICIENT_SCOPE, detail)
                    .with(member::SCOPE, &scope.name())
                    .challenge(&told)
            }
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::TooLarge { limit } => {
                Self::new(codes::BODY_TOO_LARGE, detail).with(member::LIMIT, &limit)
            }
            BodyError::Timeout { .. } => {
                Self::new(codes::REQUEST_TIMEOUT, detail).retry_after(RetryAfter::Soon)
            }
            BodyError::NoRoom { .. } | BodyError::NoShare { .. } => {
                Self::new(codes::TOO_MANY_BODIES, detail).retry_after(RetryAfter::Soon)
            }
            BodyError::Broken => Self::new(codes::BODY_BROKEN, detail),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::InvalidTransition { from, allowed, .. } => {
                Self::new(codes::INVALID_TRANSITION, detail)
                    .with(member::FROM, &from)
                    .with(member::ALLOWED, &allowed)
            }
            Refusal::InvalidShipmentTransition { from, allowed, .. } => {
                Self::new(codes::INVALID_TRANSITION, detail)
                    .with(member::FROM, &from)
                    .with(member::ALLOWED, &allowed)
            }
            Refusal::Unmet(unmet) => unmet.into(),
            Refusal::HoldTooLate { status } => {
                Self::new(codes::HOLD_TOO_LATE, detail).with(member::ORDER_STATUS, &status)
            }
            Refusal::NoSuchHold => Self::new(codes::HOLD_NOT_FOUND, detail),
            Refusal::NoSuchLine { .. } => Self::new(codes::LINE_NOT_FOUND, detail).of("line"),
            Refusal::LineTooLate { status, .. } => Self::new(codes::LINE_TOO_LATE, detail)
                .of("line")
                .with(member::ORDER_STATUS, &status),
            Refusal::TooManyHolds { limit } => {
                Self::new(codes::TOO_MANY_HOLDS, detail).with(member::LIMIT, &limit)
            }
        }
    }
}

impl From<Unmet> for Problem {
    fn from(unmet: Unmet) -> Self {
        let (code, field) = match unmet {
            Unmet::OtherVersion { .. } | Unmet::Missing => (codes::VERSION_MISMATCH, "If-Match"),
            Unmet::Excluded { .. } => (codes::PRECONDITION_FAILED, "If-None-Match"),
        };
        let problem = Self::new(code, unmet.to_string()).of(field);
        // A missing resource has no version.
        match unmet.found() {
            Some(version) => problem.with(member::VERSION, &version),
            None => problem,
        }
    }
}

impl From<AdjustmentRefusal> for Problem {
    fn from(refusal: AdjustmentRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            AdjustmentRefusal::OutOfRange { .. } => {
                Self::new(codes::STOCK_OUT_OF_RANGE, detail).of("onHand")
            }
            AdjustmentRefusal::SafetyOutOfRange { .. } => {
                Self::new(codes::STOCK_OUT_OF_RANGE, detail).of("safety")
            }
            AdjustmentRefusal::NeverCounted => Self::new(codes::STOCK_NOT_FOUND, detail).of("sku"),
            AdjustmentRefusal::AddsUp
            | AdjustmentRefusal::OrdersDisagree { .. }
            | AdjustmentRefusal::MoreHeldThanOnHand { .. }
            | AdjustmentRefusal::RowLost { .. } => {
                Self::new(codes::STOCK_NOT_MENDABLE, detail).of("sku")
            }
            AdjustmentRefusal::Unmet(unmet) => unmet.into(),
            AdjustmentRefusal::KeyUsed => {
                Self::new(codes::UNAVAILABLE, detail).retry_after(RetryAfter::Soon)
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::DiskFull => Self::new(
                codes::INSUFFICIENT_STORAGE,
                "the disk is full; nothing was stored",
            )
            .retry_after(RetryAfter::DiskFull),
            StoreError::OutcomeUnknown => {
                Self::new(codes::OUTCOME_UNKNOWN, error.to_string()).retry_after(RetryAfter::Soon)
            }
            other if other.is_retryable() => {
                Self::new(codes::UNAVAILABLE, other.to_string()).retry_after(RetryAfter::Soon)
            }
            other => Self::new(
                codes::INTERNAL,
                "this is a defect; it was logged with this correlation id",
            )
            .caused_by(other),
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        let detail = error.to_string();
        match error {
            IntakeError::TimedOut { .. } => Self::new(
                codes::REQUEST_TIMEOUT,
                format!("{detail}; nothing was stored"),
            )
            .retry_after(RetryAfter::Soon),
            IntakeError::Full { .. } => {
                Self::new(codes::OVERLOADED, detail).retry_after(RetryAfter::Soon)
            }
            IntakeError::Closed => {
                Self::new(codes::UNAVAILABLE, detail).retry_after(RetryAfter::Soon)
            }
            IntakeError::Store(store) => store.into(),
        }
    }
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Taken { kind, order_id } => {
                let (code, field, what) = match kind {
                    ClaimKind::Key | ClaimKind::Duplicate => {
                        (codes::KEY_REUSED, "Idempotency-Key", "this key")
                    }
                    ClaimKind::Reference => {
                        (codes::REFERENCE_TAKEN, "clientReference", "this reference")
                    }
                    ClaimKind::Number => (codes::NUMBER_TAKEN, "orderNumber", "this number"),
                };
                Self::new(code, format!("{what} was used before for another order"))
                    .of(field)
                    .with(member::ORDER_ID, &order_id)
            }
            PlaceError::Short(shortages) => insufficient_stock(&shortages),
            PlaceError::UnknownSkus(skus) => {
                let skus: Vec<&str> = skus.iter().map(waybill_domain::text::Sku::as_str).collect();
                Self::new(
                    codes::UNKNOWN_SKU,
                    format!("not tracked here: {}", skus.join(", ")),
                )
                .of("lines")
                .with(member::SKUS, &skus)
            }
            PlaceError::Inventory(error) => {
                let after = match error {
                    InventoryError::Open { retry_after_ms } => RetryAfter::wait_ms(retry_after_ms),
                    InventoryError::Failed(_) | InventoryError::Timeout { .. } => RetryAfter::Soon,
                };
                Self::new(codes::INVENTORY_UNAVAILABLE, error.to_string()).retry_after(after)
            }
            PlaceError::Archived(id) => archived(id),
            PlaceError::Intake(error) => error.into(),
        }
    }
}

/// 410: the order is in the archive.
#[must_use]
pub fn archived(id: OrderId) -> Problem {
    let detail = format!(
        "the order {id} was moved to the archive; GET /v1/archive/{id} shows it, POST /v1/archive/{id}/restore puts it back"
    );
    Problem::new(codes::ORDER_ARCHIVED, detail).with(member::ORDER_ID, &id)
}

fn insufficient_stock(shortages: &[Shortage]) -> Problem {
    let told: Vec<serde_json::Value> = shortages
        .iter()
        .map(|s| serde_json::json!({"sku": s.sku, "requested": s.requested, "available": s.available}))
        .collect();
    let detail: Vec<String> = shortages
        .iter()
        .map(|s| {
            format!(
                "{}: {} asked, {} available",
                s.sku, s.requested, s.available
            )
        })
        .collect();
    Problem::new(codes::INSUFFICIENT_STOCK, detail.join("; "))
        .of("lines")
        .with(member::SHORTAGES, &told)
}

/// Why a command was not done; `not_found` names what it was about.
pub fn of_command(error: CommandError, not_found: impl FnOnce() -> Problem) -> Problem {
    match error {
        CommandError::NotFound => not_found(),
        CommandError::Archived(id) => archived(id),
        CommandError::KeyReused => {
            let detail = "this key was used before for another request";
            Problem::new(codes::KEY_REUSED, detail).of("Idempotency-Key")
        }
        CommandError::Refused(refusal) => refusal.into(),
        CommandError::Stock(refusal) => refusal.into(),
        CommandError::Store(error) => error.into(),
    }
}

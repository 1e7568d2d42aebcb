//! Vendors as `/v1/vendors` reads and shows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waybill_domain::time::Time;
use waybill_domain::vendor::{StockSync, VendorRecord};

use super::super::order_body::Text;

/// What is said about a vendor. What is left out stays as it is; of a new vendor it is the default.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = VendorRequest)]
pub struct VendorBody<'a> {
    /// Where its API is: https, or http on this machine. A new vendor needs it.
    #[schema(format = "uri", example = "https://vendor.example/api")]
    pub base_url: Option<String>,
    /// Vendors with a lower number are chosen first; 0 to 1000, 100 of a new one.
    #[serde(borrow)]
    #[schema(value_type = Option<i64>)]
    pub priority: Text<'a>,
    /// What a unit costs to have sent from there, in a unit that is the same for all vendors; 0 of a new one.
    #[serde(borrow)]
    #[schema(value_type = Option<i64>)]
    pub cost: Text<'a>,
    /// Hours until a unit leaves; 0 of a new one.
    #[serde(borrow)]
    #[schema(value_type = Option<i64>)]
    pub lead_time_hours: Text<'a>,
    /// Calls a second that it allows; 50 of a new one.
    #[serde(borrow)]
    #[schema(value_type = Option<i64>)]
    pub rate_limit_per_second: Text<'a>,
    /// Whether it does a call with an `Idempotency-Key` once only; false of a new one.
    pub idempotent: Option<bool>,
    /// Whether its stock is read and orders may draw on it; true of a new one.
    pub enabled: Option<bool>,
}

/// How the last reading of a vendor's stock went.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = VendorStockState)]
pub struct SyncView<'a> {
    /// When the whole stock was last read; null when it never was.
    #[schema(value_type = Option<super::super::schemas::Timestamp>)]
    synced_at: Option<Time>,
    /// When that was last tried.
    #[schema(value_type = Option<super::super::schemas::Timestamp>)]
    tried_at: Option<Time>,
    /// Whether nothing was read for three intervals: our copy is too old to be relied on.
    stale: bool,
    /// Why the last try failed; null when it went well.
    error: Option<&'a str>,
    /// Skus in the last answer.
    skus: i64,
    /// Rows in which it differed from our copy.
    changed: i64,
    /// Units by which it differed, summed without their signs.
    drift: i64,
    /// Rows of it that cannot be true and were not taken.
    refused: i64,
}

/// A vendor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Vendor)]
pub struct VendorView<'a> {
    /// Its name, unique in the tenant.
    name: &'a str,
    /// Where its API is.
    base_url: &'a str,
    /// Vendors with a lower number are chosen first.
    priority: i64,
    /// What a unit costs to have sent from there.
    cost: i64,
    /// Hours until a unit leaves.
    lead_time_hours: i64,
    /// Calls a second that it allows.
    rate_limit_per_second: i64,
    /// Whether it does a call with an `Idempotency-Key` once only.
    idempotent: bool,
    /// Whether its stock is read and orders may draw on it.
    enabled: bool,
    /// How the last reading of its stock went.
    stock: SyncView<'a>,
    /// When it was added.
    #[schema(value_type = super::super::schemas::Timestamp)]
    created_at: Time,
    /// When it was last changed.
    #[schema(value_type = super::super::schemas::Timestamp)]
    updated_at: Time,
    /// When it was removed; null while it is one of your vendors.
    #[schema(value_type = Option<super::super::schemas::Timestamp>)]
    removed_at: Option<Time>,
    /// Counts its changes.
    version: i64,
}

impl<'a> VendorView<'a> {
    /// As clients see it. Stock is read every `interval_ms`.
    pub fn of(vendor: &'a VendorRecord, sync: &'a StockSync, now: Time, interval_ms: i64) -> Self {
        let terms = &vendor.terms;
        Self {
            name: vendor.name.as_str(),
            base_url: &terms.base_url,
            priority: terms.priority,
            cost: terms.cost,
            lead_time_hours: terms.lead_time_hours,
            rate_limit_per_second: terms.rate_limit_per_s,
            idempotent: terms.idempotent,
            enabled: terms.enabled,
            stock: SyncView {
                synced_at: sync.synced_at,
                tried_at: sync.tried_at,
                stale: sync.is_stale(now, interval_ms),
                error: sync.error.as_deref(),
                skus: sync.skus,
                changed: sync.changed,
                drift: sync.drift,
                refused: sync.refused,
            },
            created_at: vendor.created_at,
            updated_at: vendor.updated_at,
            removed_at: vendor.removed_at,
            version: vendor.version,
        }
    }
}

/// Vendors whose stock was to be read.
#[derive(Serialize, ToSchema)]
#[schema(as = StockSyncResult)]
pub struct SyncedView<'a> {
    /// Whether all of them were tried. The others still are: read them again.
    pub done: bool,
    /// The vendors, each with how its reading went.
    pub items: Vec<VendorView<'a>>,
}

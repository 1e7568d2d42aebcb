//! Vendors, and how the readings of their stock went.

use super::base::StoreBase;
use crate::error::Result;
use crate::model::{Page, StockChange, StockOutcome};
use async_trait::async_trait;
use waybill_domain::once::CommandClaim;
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::vendor::{StockSync, VendorRecord};

/// The vendors of each tenant, and their stock rows.
#[async_trait]
pub trait VendorStore: StoreBase {
    /// Writes a vendor over the version before it (version 1: it is not on record yet), once per key.
    ///
    /// Fails with [`crate::Error::Conflict`] when the vendor has another version by now, and with
    /// [`crate::Error::KeyUsed`] when a request with the same key was committed before.
    async fn write_vendor(&self, vendor: &VendorRecord, claim: Option<CommandClaim>) -> Result<()>;

    /// A vendor by its name; also a removed one.
    async fn vendor(&self, tenant: &Tenant, name: &Vendor) -> Result<Option<VendorRecord>>;

    /// A page of a tenant's vendors by the bytes of their names, without removed ones.
    async fn list_vendors(
        &self,
        tenant: &Tenant,
        after: Option<Vendor>,
        limit: usize,
    ) -> Result<Page<VendorRecord, Vendor>>;

    /// The vendors of all tenants that are in use, by tenant and name; at most `limit`.
    async fn vendors_in_use(&self, limit: usize) -> Result<Vec<VendorRecord>>;

    /// How the readings of vendors went, of one tenant or of all, by tenant and vendor; at most `limit`. A vendor that
    /// was never read is not among them.
    async fn stock_syncs(&self, tenant: Option<&Tenant>, limit: usize) -> Result<Vec<StockSync>>;

    /// Records that the stock of these vendors is asked for.
    async fn ask_for_sync(&self, tenant: &Tenant, vendors: Vec<Vendor>, at: Time) -> Result<()>;

    /// Records how a reading went. When it was asked for is left as it is.
    async fn record_sync(&self, sync: &StockSync) -> Result<()>;

    /// Changes stock rows to what vendors say, in the background: orders go first. One outcome per change, in order.
    async fn write_vendor_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>>;

    /// A page of a vendor's stock rows, by sku.
    async fn vendor_stock(
        &self,
        tenant: &Tenant,
        vendor: &Vendor,
        after: Option<Sku>,
        limit: usize,
    ) -> Result<Page<(Sku, StockLevel), Sku>>;
}

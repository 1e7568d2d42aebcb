//! Vendors, and how the readings of their stock went.

use super::super::{stock, vendors};
use super::PostgresStore;
use crate::error::Result;
use crate::model::{Page, StockChange, StockOutcome};
use crate::traits::VendorStore;
use async_trait::async_trait;
use waybill_domain::once::CommandClaim;
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::vendor::{StockSync, VendorRecord};

#[async_trait]
impl VendorStore for PostgresStore {
    async fn write_vendor(&self, vendor: &VendorRecord, claim: Option<CommandClaim>) -> Result<()> {
        let vendor = vendor.clone();
        self.write(|shared| async move { vendors::write(&shared, &vendor, claim.as_ref()).await })
            .await
    }

    async fn vendor(&self, tenant: &Tenant, name: &Vendor) -> Result<Option<VendorRecord>> {
        vendors::by_name(self.read()?, tenant, name).await
    }

    async fn list_vendors(
        &self,
        tenant: &Tenant,
        after: Option<Vendor>,
        limit: usize,
    ) -> Result<Page<VendorRecord, Vendor>> {
        vendors::list(self.read()?, tenant, after.as_ref(), limit).await
    }

    async fn vendors_in_use(&self, limit: usize) -> Result<Vec<VendorRecord>> {
        vendors::in_use(self.read()?, limit).await
    }

    async fn stock_syncs(&self, tenant: Option<&Tenant>, limit: usize) -> Result<Vec<StockSync>> {
        vendors::syncs(self.read()?, tenant, limit).await
    }

    async fn ask_for_sync(&self, tenant: &Tenant, names: Vec<Vendor>, at: Time) -> Result<()> {
        let tenant = tenant.clone();
        self.write(|shared| async move { vendors::ask(&shared.commits, &tenant, &names, at).await })
            .await
    }

    async fn record_sync(&self, sync: &StockSync) -> Result<()> {
        let sync = sync.clone();
        self.write(|shared| async move { vendors::record(&shared.commits, &sync).await })
            .await
    }

    async fn write_vendor_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>> {
        self.write(|shared| async move { stock::adjust(&shared, &changes).await })
            .await
    }

    async fn vendor_stock(
        &self,
        tenant: &Tenant,
        vendor: &Vendor,
        after: Option<Sku>,
        limit: usize,
    ) -> Result<Page<(Sku, StockLevel), Sku>> {
        vendors::stock(self.read()?, tenant, vendor, after.as_ref(), limit).await
    }
}

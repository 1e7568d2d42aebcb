//! Vendors, and how the readings of their stock went.

use super::super::schedule::Class;
use super::super::{stock, vendors};
use super::SqliteStore;
use crate::error::Result;
use crate::model::{Page, StockChange, StockOutcome};
use crate::traits::VendorStore;
use async_trait::async_trait;
use waybill_domain::once::CommandClaim;
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::vendor::{StockSync, VendorRecord};

/// Rows that one job of the writer writes: a few milliseconds, so that orders do not wait for long.
const ROWS_AT_ONCE: usize = 250;

#[async_trait]
impl VendorStore for SqliteStore {
    async fn write_vendor(&self, vendor: &VendorRecord, claim: Option<CommandClaim>) -> Result<()> {
        let vendor = vendor.clone();
        self.writer
            .submit(Class::Foreground, move |tx| {
                vendors::write(tx, &vendor, claim.as_ref())
            })
            .await
    }

    async fn vendor(&self, tenant: &Tenant, name: &Vendor) -> Result<Option<VendorRecord>> {
        let (tenant, name) = (tenant.clone(), name.clone());
        self.readers
            .read(move |c| vendors::by_name(c, &tenant, &name))
            .await
    }

    async fn list_vendors(
        &self,
        tenant: &Tenant,
        after: Option<Vendor>,
        limit: usize,
    ) -> Result<Page<VendorRecord, Vendor>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| vendors::list(c, &tenant, after.as_ref(), limit))
            .await
    }

    async fn vendors_in_use(&self, limit: usize) -> Result<Vec<VendorRecord>> {
        self.readers.read(move |c| vendors::in_use(c, limit)).await
    }

    async fn stock_syncs(&self, tenant: Option<&Tenant>, limit: usize) -> Result<Vec<StockSync>> {
        let tenant = tenant.cloned();
        self.readers
            .read(move |c| vendors::syncs(c, tenant.as_ref(), limit))
            .await
    }

    async fn ask_for_sync(&self, tenant: &Tenant, names: Vec<Vendor>, at: Time) -> Result<()> {
        let tenant = tenant.clone();
        self.writer
            .submit(Class::Foreground, move |tx| {
                vendors::ask(tx, &tenant, &names, at)
            })
            .await
    }

    async fn record_sync(&self, sync: &StockSync) -> Result<()> {
        let sync = sync.clone();
        self.writer
            .submit(Class::Background, move |tx| vendors::record(tx, &sync))
            .await
    }

    async fn write_vendor_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>> {
        let mut outcomes = Vec::with_capacity(changes.len());
        for some in changes.chunks(ROWS_AT_ONCE) {
            let some = some.to_vec();
            let written = self
                .writer
                .submit(Class::Background, move |tx| stock::adjust(tx, &some));
            outcomes.extend(written.await?);
        }
        Ok(outcomes)
    }

    async fn vendor_stock(
        &self,
        tenant: &Tenant,
        vendor: &Vendor,
        after: Option<Sku>,
        limit: usize,
    ) -> Result<Page<(Sku, StockLevel), Sku>> {
        let (tenant, vendor) = (tenant.clone(), vendor.clone());
        self.readers
            .read(move |c| vendors::stock(c, &tenant, &vendor, after.as_ref(), limit))
            .await
    }
}

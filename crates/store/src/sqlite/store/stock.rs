//! Stock levels.

use super::super::schedule::Class;
use super::super::stock;
use super::SqliteStore;
use crate::error::Result;
use crate::model::{Page, StockChange, StockOutcome};
use crate::traits::StockStore;
use async_trait::async_trait;
use waybill_domain::stock::{Books, StockRow};
use waybill_domain::stock_place::StockPlace;
use waybill_domain::text::{Sku, Tenant, Vendor};

#[async_trait]
impl StockStore for SqliteStore {
    async fn adjust_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>> {
        self.writer
            .submit(Class::Foreground, move |tx| stock::adjust(tx, &changes))
            .await
    }

    async fn stock_books(&self, tenant: &Tenant, sku: &Sku, vendor: &Vendor) -> Result<Books> {
        let (tenant, sku, vendor) = (tenant.clone(), sku.clone(), vendor.clone());
        self.readers
            .read(move |c| stock::books(c, &tenant, &sku, &vendor))
            .await
    }

    async fn stock(
        &self,
        tenant: &Tenant,
        skus: Vec<String>,
        after: Option<StockPlace>,
        limit: usize,
    ) -> Result<Page<StockRow, StockPlace>> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| stock::list(c, &tenant, skus, after.as_ref(), limit))
            .await
    }
}

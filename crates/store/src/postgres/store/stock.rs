//! Stock levels.

use super::super::stock;
use super::PostgresStore;
use crate::error::Result;
use crate::model::{Page, StockChange, StockOutcome};
use crate::traits::StockStore;
use async_trait::async_trait;
use waybill_domain::stock::{Books, StockRow};
use waybill_domain::stock_place::StockPlace;
use waybill_domain::text::{Sku, Tenant, Vendor};

#[async_trait]
impl StockStore for PostgresStore {
    async fn adjust_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>> {
        self.write(|shared| async move { stock::adjust(&shared, &changes).await })
            .await
    }

    async fn stock_books(&self, tenant: &Tenant, sku: &Sku, vendor: &Vendor) -> Result<Books> {
        stock::books(self.read()?, tenant, sku, vendor).await
    }

    async fn stock(
        &self,
        tenant: &Tenant,
        skus: Vec<String>,
        after: Option<StockPlace>,
        limit: usize,
    ) -> Result<Page<StockRow, StockPlace>> {
        stock::list(self.read()?, tenant, skus, after.as_ref(), limit).await
    }
}

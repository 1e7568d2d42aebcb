//! Stock levels.

use super::base::StoreBase;
use crate::error::Result;
use crate::model::{Page, StockChange, StockOutcome};
use async_trait::async_trait;
use waybill_domain::stock::{Books, StockRow};
use waybill_domain::stock_place::StockPlace;
use waybill_domain::text::{Sku, Tenant, Vendor};

/// Stock rows as the API changes them. Orders reserve and consume units through [`super::OrderStore::accept`] and their
/// effects.
#[async_trait]
pub trait StockStore: StoreBase {
    /// Changes stock rows; one outcome per change, in order.
    async fn adjust_stock(&self, changes: Vec<StockChange>) -> Result<Vec<StockOutcome>>;

    /// A stock row and what it must add up to, on one snapshot. It reads all reservations and order lines.
    async fn stock_books(&self, tenant: &Tenant, sku: &Sku, vendor: &Vendor) -> Result<Books>;

    /// A page of stock rows by sku and vendor; `skus` empty means all. `after` is the `next` of the page before.
    async fn stock(
        &self,
        tenant: &Tenant,
        skus: Vec<String>,
        after: Option<StockPlace>,
        limit: usize,
    ) -> Result<Page<StockRow, StockPlace>>;
}

//! The stock rows that a batch looks at: read once, changed in memory, written once per row.

use super::super::errors::IntoStore;
use super::super::rows::Columns;
use super::super::stock;
use super::super::tx::Tx;
use crate::error::{Error, Result};
use rusqlite::params;
use std::collections::{HashMap, HashSet};
use waybill_domain::intake::{NewOrder, StockView};
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};

#[derive(Default)]
pub struct Stock {
    by_tenant: HashMap<Tenant, TenantStock>,
}

#[derive(Default)]
struct TenantStock {
    view: StockView,
    /// Our own levels as they were read; `None` for skus without a stock row.
    read: HashMap<Sku, Option<StockLevel>>,
    /// Units reserved at vendors when their rows were read.
    at_vendors: HashMap<(Vendor, Sku), i64>,
    /// Skus whose rows at vendors were read.
    looked_up: HashSet<Sku>,
}

impl Stock {
    /// What the order is decided on: our own rows of its skus, and those at vendors that were looked up.
    pub fn view(&mut self, tx: &Tx<'_>, new: &NewOrder) -> Result<&mut StockView> {
        let stock = self.of(&new.tenant)?;
        for line in &new.lines {
            if !stock.read.contains_key(&line.sku) {
                let level =
                    stock::level(tx.connection, &new.tenant, line.sku.as_str(), Vendor::LOCAL)?;
                if let Some(level) = level {
                    stock.view.local.insert(line.sku.clone(), level);
                }
                stock.read.insert(line.sku.clone(), level);
            }
        }
        Ok(&mut stock.view)
    }

    fn of(&mut self, tenant: &Tenant) -> Result<&mut TenantStock> {
        // The key is only copied for the first order of a tenant.
        if !self.by_tenant.contains_key(tenant) {
            self.by_tenant
                .insert(tenant.clone(), TenantStock::default());
        }
        let stock = self.by_tenant.get_mut(tenant);
        stock.ok_or_else(|| Error::unavailable("unreachable: just inserted"))
    }

    /// Looks up the rows of the order's skus at the vendors in use; whether there is one.
    pub fn has_vendors(&mut self, tx: &Tx<'_>, new: &NewOrder) -> Result<bool> {
        let stock = self.of(&new.tenant)?;
        for line in &new.lines {
            if stock.looked_up.insert(line.sku.clone()) {
                stock.look_up(tx, &new.tenant, &line.sku)?;
            }
        }
        let mut known = stock.view.vendors.values();
        Ok(known.any(|of| {
            new.lines
                .iter()
                .any(|line| of.levels.contains_key(&line.sku))
        }))
    }

    /// Writes what the batch has reserved.
    pub fn write(&self, tx: &Tx<'_>) -> Result<()> {
        for (tenant, stock) in &self.by_tenant {
            for (sku, after) in &stock.view.local {
                let before = stock.read.get(sku).copied().flatten().unwrap_or_default();
                if before.reserved != after.reserved {
                    set_reserved(tx, tenant, sku, Vendor::LOCAL, after.reserved)?;
                }
            }
            for ((vendor, sku), before) in &stock.at_vendors {
                let of = stock.view.vendors.get(vendor);
                let after = of.and_then(|of| of.levels.get(sku));
                if let Some(after) = after.filter(|after| after.reserved != *before) {
                    set_reserved(tx, tenant, sku, vendor.as_str(), after.reserved)?;
                }
            }
        }
        Ok(())
    }
}

impl TenantStock {
    fn look_up(&mut self, tx: &Tx<'_>, tenant: &Tenant, sku: &Sku) -> Result<()> {
        let mut select = tx
            .connection
            .prepare_cached(
                "SELECT s.vendor, v.priority, v.cost, s.on_hand, s.reserved, s.safety, s.shortfall, s.version FROM stock s \
                 CROSS JOIN vendors v ON v.tenant = s.tenant AND v.name = s.vendor \
                 WHERE s.tenant = ?1 AND s.sku = ?2 AND v.enabled AND v.removed_at IS NULL",
            )
            .store()?;
        let mut rows = select
            .query(params![tenant.as_str(), sku.as_str()])
            .store()?;
        while let Some(row) = rows.next().store()? {
            let mut c = Columns::of(row);
            let vendor = c.text("vendor", |t| Some(Vendor::stored(t)))?;
            let of = self.view.vendors.entry(vendor.clone()).or_default();
            (of.priority, of.cost) = (c.get()?, c.get()?);
            let level = StockLevel {
                on_hand: c.get()?,
                reserved: c.get()?,
                safety: c.get()?,
                shortfall: c.get()?,
                version: c.get()?,
            };
            of.levels.insert(sku.clone(), level);
            self.at_vendors
                .insert((vendor, sku.clone()), level.reserved);
        }
        Ok(())
    }
}

fn set_reserved(
    tx: &Tx<'_>,
    tenant: &Tenant,
    sku: &Sku,
    vendor: &str,
    reserved: i64,
) -> Result<()> {
    tx.execute(
        "UPDATE stock SET reserved = ?4 WHERE tenant = ?1 AND sku = ?2 AND vendor = ?3",
        params![tenant.as_str(), sku.as_str(), vendor, reserved],
    )?;
    Ok(())
}

//! The stock rows that a batch sells from: locked once, changed in memory, written once per row.

use super::super::lock;
use super::super::pipeline::{Handle, Pipeline, Rows, Sql, params};
use super::super::rows::Columns;
use crate::error::Result;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use waybill_domain::intake::{NewOrder, StockView};
use waybill_domain::stock::StockLevel;
use waybill_domain::text::{Sku, Tenant, Vendor};

static STOCK: Sql = Sql {
    text: "/* accept::stock */ UPDATE stock s SET reserved = s.reserved + t.taken, writes = s.writes + 1 \
           FROM unnest($1::tid[], $2) AS t (place, taken) WHERE s.ctid = t.place",
    types: &[Type::TEXT_ARRAY, Type::INT8_ARRAY],
};

/// Tenant and sku of every line, each once.
pub fn stock_keys(orders: &[Arc<NewOrder>]) -> BTreeSet<(&str, &str)> {
    orders
        .iter()
        .flat_map(|new| {
            let lines = new.lines.iter();
            lines.map(move |line| (new.tenant.as_str(), line.sku.as_str()))
        })
        .collect()
}

/// Locks the stock rows with these keys.
pub fn lock_stock<'p>(
    pipeline: &mut Pipeline<'p>,
    keys: &BTreeSet<(&'p str, &'p str)>,
) -> Handle<Rows> {
    pipeline.add(
        &lock::STOCK,
        params![
            keys.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>(),
            keys.iter().map(|(_, sku)| *sku).collect::<Vec<_>>(),
            vec![Vendor::LOCAL; keys.len()],
        ],
    )
}

/// The stock rows a batch looks at: read once, changed in memory, written once per row.
#[derive(Default)]
pub struct Stock {
    by_tenant: HashMap<Tenant, StockView>,
    /// The reserved units before the batch and the row's `ctid`, by tenant and sku.
    before: HashMap<(Tenant, Sku), (i64, String)>,
}

/// Units that a batch reserves in one row.
struct Taken<'s> {
    place: &'s str,
    units: i64,
}

impl Stock {
    /// Reads the locked rows.
    pub fn read(rows: &[Row]) -> Result<Self> {
        let mut stock = Self::default();
        for row in rows {
            let mut c = Columns::of(row);
            let tenant = c.text("tenant", |t| Some(Tenant::stored(t)))?;
            let sku = c.text("sku", |t| Some(Sku::stored(t)))?;
            let _vendor: &str = c.get()?;
            let level = StockLevel {
                on_hand: c.get()?,
                reserved: c.get()?,
                safety: c.get()?,
                version: c.get()?,
            };
            stock
                .before
                .insert((tenant.clone(), sku.clone()), (level.reserved, c.get()?));
            stock
                .by_tenant
                .entry(tenant)
                .or_default()
                .insert(sku, level);
        }
        Ok(stock)
    }

    /// A tenant's rows, to decide on.
    pub fn view(&mut self, tenant: &Tenant) -> &mut StockView {
        self.by_tenant.entry(tenant.clone()).or_default()
    }

    /// Units newly reserved, by row.
    fn taken(&self) -> Vec<Taken<'_>> {
        let rows = self.by_tenant.iter().flat_map(|(tenant, view)| {
            view.iter()
                .map(move |(sku, level)| (tenant, sku, level.reserved))
        });
        rows.filter_map(|(tenant, sku, after)| {
            let (before, place) = self.before.get(&(tenant.clone(), sku.clone()))?;
            let units = after - before;
            (units != 0).then_some(Taken { place, units })
        })
        .collect()
    }

    /// Adds the statement that writes the newly reserved units.
    pub fn write<'p>(&'p self, pipeline: &mut Pipeline<'p>) {
        let taken = self.taken();
        let each = taken.iter();
        if !taken.is_empty() {
            pipeline.add(
                &STOCK,
                params![
                    each.clone().map(|t| t.place).collect::<Vec<_>>(),
                    each.map(|t| t.units).collect::<Vec<_>>(),
                ],
            );
        }
    }
}

//! The stock rows that a batch sells from: locked once, changed in memory, written once per row.

use super::super::lock;
use super::super::pipeline::{Handle, Pipeline, Rows, Sql, params};
use super::super::rows::Columns;
use crate::error::Result;
use std::collections::{BTreeSet, HashMap};
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
pub fn stock_keys<'o>(
    orders: impl IntoIterator<Item = &'o NewOrder>,
) -> BTreeSet<(&'o str, &'o str)> {
    orders
        .into_iter()
        .flat_map(|new| {
            let lines = new.lines.iter();
            lines.map(move |line| (new.tenant.as_str(), line.sku.as_str()))
        })
        .collect()
}

/// The rows of the vendors in use, in the order of `lock::StockKey`: our own are locked already. The keys must be
/// distinct.
static OF_VENDORS: Sql = Sql {
    text: "/* accept::of_vendors */ SELECT s.tenant, s.sku, s.vendor, s.on_hand, s.reserved, s.safety, s.shortfall, s.version, s.place, k.priority, k.cost \
           FROM (SELECT w.tenant, w.sku, v.name AS vendor, v.priority, v.cost FROM unnest($1, $2) AS w (tenant, sku) \
           JOIN vendors v ON v.tenant = w.tenant AND v.enabled AND v.removed_at IS NULL \
           ORDER BY w.tenant COLLATE \"C\", w.sku COLLATE \"C\", v.name COLLATE \"C\") AS k, \
           LATERAL (SELECT *, ctid::text AS place FROM stock WHERE stock.tenant = k.tenant AND stock.sku = k.sku AND stock.vendor = k.vendor \
           ORDER BY stock.run DESC LIMIT 1 FOR NO KEY UPDATE) AS s",
    types: &[Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

/// Locks our own rows with these keys.
pub fn lock_ours<'p>(
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

/// Locks the rows with these keys of the vendors in use.
pub fn lock_of_vendors<'p>(
    pipeline: &mut Pipeline<'p>,
    keys: &BTreeSet<(&'p str, &'p str)>,
) -> Handle<Rows> {
    pipeline.add(
        &OF_VENDORS,
        params![
            keys.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>(),
            keys.iter().map(|(_, sku)| *sku).collect::<Vec<_>>(),
        ],
    )
}

/// The stock rows a batch looks at: read once, changed in memory, written once per row.
#[derive(Clone, Default)]
pub struct Stock {
    by_tenant: HashMap<Tenant, StockView>,
    /// The reserved units before the batch and the row's `ctid`.
    before: HashMap<Key, (i64, String)>,
}

/// A stock row: tenant, sku, vendor.
type Key = (Tenant, Sku, Vendor);

/// Units that a batch reserves in one row.
struct Taken<'s> {
    place: &'s str,
    units: i64,
}

impl Stock {
    /// Takes in locked rows of our own.
    pub fn add_ours(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            let mut c = Columns::of(row);
            let (tenant, sku, _, level) = self.add(&mut c)?;
            let view = self.by_tenant.entry(tenant).or_default();
            view.local.insert(sku, level);
        }
        Ok(())
    }

    /// Takes in locked rows of vendors.
    pub fn add_of_vendors(&mut self, rows: &[Row]) -> Result<()> {
        for row in rows {
            let mut c = Columns::of(row);
            let (tenant, sku, vendor, level) = self.add(&mut c)?;
            let view = self.by_tenant.entry(tenant).or_default();
            let of = view.vendors.entry(vendor).or_default();
            (of.priority, of.cost) = (c.get()?, c.get()?);
            of.levels.insert(sku, level);
        }
        Ok(())
    }

    fn add(&mut self, c: &mut Columns<'_>) -> Result<(Tenant, Sku, Vendor, StockLevel)> {
        let tenant = c.text("tenant", |t| Some(Tenant::stored(t)))?;
        let sku = c.text("sku", |t| Some(Sku::stored(t)))?;
        let vendor = c.text("vendor", |t| Some(Vendor::stored(t)))?;
        let level = StockLevel {
            on_hand: c.get()?,
            reserved: c.get()?,
            safety: c.get()?,
            shortfall: c.get()?,
            version: c.get()?,
        };
        let key = (tenant.clone(), sku.clone(), vendor.clone());
        self.before.insert(key, (level.reserved, c.get()?));
        Ok((tenant, sku, vendor, level))
    }

    /// A tenant's rows, to decide on.
    pub fn view(&mut self, tenant: &Tenant) -> &mut StockView {
        self.by_tenant.entry(tenant.clone()).or_default()
    }

    /// Units newly reserved, by row.
    fn taken(&self) -> Vec<Taken<'_>> {
        let rows = self
            .before
            .iter()
            .filter_map(|((tenant, sku, vendor), row)| {
                let view = self.by_tenant.get(tenant)?;
                let level = if vendor.is_local() {
                    view.local.get(sku)
                } else {
                    view.vendors.get(vendor)?.levels.get(sku)
                };
                Some((row, level?.reserved))
            });
        rows.filter_map(|((before, place), after)| {
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

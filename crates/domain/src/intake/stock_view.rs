//! The stock that intake decides on: rows that the batch has locked, changed in memory as its orders take from them.

use crate::sourcing::{Need, OWN_PRIORITY, Offer};
use crate::stock::StockLevel;
use crate::text::{Sku, Vendor};
use std::collections::{BTreeMap, HashMap};

/// Stock of one tenant as the batch sees it: loaded once, changed in memory.
#[derive(Clone, Debug, Default)]
pub struct StockView {
    /// Our own stock.
    pub local: HashMap<Sku, StockLevel>,
    /// What the vendors in use have of skus that our own stock is short of.
    pub vendors: BTreeMap<Vendor, VendorStock>,
}

/// A vendor's stock as the batch sees it.
#[derive(Clone, Debug, Default)]
pub struct VendorStock {
    pub priority: i64,
    pub cost: i64,
    pub levels: HashMap<Sku, StockLevel>,
}

impl StockView {
    /// What the vendors have of a sku; `None` when no vendor knows it.
    pub(super) fn at_vendors(&self, sku: &Sku) -> Option<i64> {
        let levels = || self.vendors.values().filter_map(|of| of.levels.get(sku));
        levels().next()?;
        Some(levels().map(StockLevel::available).sum())
    }

    /// Whether we or a vendor have a stock row of a sku.
    pub(super) fn knows(&self, sku: &Sku) -> bool {
        self.local.contains_key(sku) || self.at_vendors(sku).is_some()
    }

    /// What every source, our own stock too, could give of these skus.
    pub(super) fn offers(&self, skus: &[Need]) -> Vec<Offer> {
        let available = |levels: &HashMap<Sku, StockLevel>| -> BTreeMap<Sku, i64> {
            let of = |need: &Need| Some((need.sku.clone(), levels.get(&need.sku)?.available()));
            skus.iter().filter_map(of).collect()
        };
        let ours = Offer {
            vendor: Vendor::local(),
            priority: OWN_PRIORITY,
            cost: 0,
            available: available(&self.local),
        };
        let theirs = self.vendors.iter().map(|(vendor, stock)| Offer {
            vendor: vendor.clone(),
            priority: stock.priority,
            cost: stock.cost,
            available: available(&stock.levels),
        });
        std::iter::once(ours).chain(theirs).collect()
    }

    pub(super) fn level(&mut self, vendor: &Vendor, sku: &Sku) -> Option<&mut StockLevel> {
        if vendor.as_str() == Vendor::LOCAL {
            self.local.get_mut(sku)
        } else {
            self.vendors.get_mut(vendor)?.levels.get_mut(sku)
        }
    }
}

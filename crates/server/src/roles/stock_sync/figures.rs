//! The metrics of the role `stock-sync`.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use waybill_domain::time::Time;
use waybill_domain::vendor::{StockSync, VendorRecord};

use crate::observe::families::named;
use crate::resilience::breaker::State;

/// Vendors that have labels of their own.
const LABELS: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVendor {
    tenant: String,
    vendor: String,
}

/// What the readings of vendors' stock are measured by.
#[derive(Clone)]
pub struct Figures {
    pub readings: Counter,
    pub failed: Counter,
    pub rows_written: Counter,
    pub rows_refused: Counter,
    age: Family<OfVendor, Gauge<f64, AtomicU64>>,
    circuit: Family<OfVendor, Gauge>,
}

impl Figures {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            readings: named(
                registry,
                "stock_sync_readings",
                "Times that the stock of a vendor was read",
                Counter::default(),
            ),
            failed: named(
                registry,
                "stock_sync_failures",
                "Times that the stock of a vendor could not be read",
                Counter::default(),
            ),
            rows_written: named(
                registry,
                "stock_sync_rows_written",
                "Stock rows in which a vendor differed from our copy",
                Counter::default(),
            ),
            rows_refused: named(
                registry,
                "stock_sync_rows_refused",
                "Rows in answers of vendors that cannot be true",
                Counter::default(),
            ),
            age: named(
                registry,
                "vendor_stock_age_seconds",
                "Time since the whole stock of a vendor was last read",
                Family::default(),
            ),
            circuit: named(
                registry,
                "vendor_circuit_open",
                "1 while a vendor is not called because its circuit is open, 2 while one call tries it",
                Family::default(),
            ),
        }
    }

    /// Shows how old the copy of each vendor is. Vendors beyond a hundred have no figure of their own.
    pub fn show_age(&self, vendors: &[(VendorRecord, StockSync)], now: Time) {
        self.age.clear();
        for (vendor, sync) in vendors.iter().take(LABELS) {
            if let Some(at) = sync.synced_at {
                let age = now.ms_since(at) as f64 / 1e3;
                self.age.get_or_create(&label(vendor)).set(age.max(0.0));
            }
        }
    }

    /// Shows the state of a vendor's circuit.
    pub fn show_circuit(&self, vendor: &VendorRecord, state: State) {
        let shown = match state {
            State::Closed => 0,
            State::Open => 1,
            State::HalfOpen => 2,
        };
        self.circuit.get_or_create(&label(vendor)).set(shown);
    }

    /// Shows no vendor any more: another process reads their stock.
    pub fn end(&self) {
        self.age.clear();
        self.circuit.clear();
    }
}

fn label(vendor: &VendorRecord) -> OfVendor {
    OfVendor {
        tenant: vendor.tenant.to_string(),
        vendor: vendor.name.to_string(),
    }
}

//! The metrics of the role `housekeeping`.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::observe::families::named;

/// What housekeeping counts.
#[derive(Clone)]
pub struct Figures {
    pub claims_forgotten: Counter,
    pub orders_archived: Counter,
    pub samples_removed: Counter,
    pub stuck_orders: Gauge,
    /// Since the order that has stood still longest last moved; 0 while none has for long.
    pub oldest_unfinished: Gauge<f64, AtomicU64>,
}

impl Figures {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            claims_forgotten: named(
                registry,
                "housekeeping_claims_forgotten",
                "Expired claims deleted",
                Counter::default(),
            ),
            orders_archived: named(
                registry,
                "housekeeping_orders_archived",
                "Finished orders moved into the archive",
                Counter::default(),
            ),
            samples_removed: named(
                registry,
                "housekeeping_samples_removed",
                "Samples deleted because they are kept no longer",
                Counter::default(),
            ),
            stuck_orders: named(
                registry,
                "housekeeping_stuck_orders",
                "Unfinished orders that nothing has happened to for long",
                Gauge::default(),
            ),
            oldest_unfinished: named(
                registry,
                "oldest_unfinished_order_seconds",
                "Time since the last step of the unfinished order that has stood still longest; 0 while none has for housekeeping.stuck_after_ms",
                Gauge::default(),
            ),
        }
    }
}

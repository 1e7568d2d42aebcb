//! The metrics of the role `allocation`.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::observe::families::named;
use crate::vendors::Reply;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    reply: &'static str,
}

/// What the calls to vendors are measured by.
#[derive(Clone)]
pub struct Figures {
    calls: Family<Labels, Counter>,
    pub uncertain: Counter,
}

impl Figures {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let calls = Family::default();
        // Each is there from the start, so that its absence means that nothing is measured.
        for reply in ["done", "refused", "not_asked", "not_now", "unknown"] {
            drop(calls.get_or_create(&Labels { reply }));
        }
        Self {
            calls: named(
                registry,
                "vendor_calls",
                "Calls that asked vendors for units or gave them back, by what became of them",
                calls,
            ),
            uncertain: named(
                registry,
                "vendor_units_uncertain",
                "Units of which nobody knows whether a vendor has them",
                Counter::default(),
            ),
        }
    }

    /// Counts a call.
    pub fn called(&self, reply: &Reply) {
        let reply = match reply {
            Reply::Done => "done",
            Reply::Refused(_) => "refused",
            Reply::NotAsked(_) => "not_asked",
            Reply::NotNow(_) => "not_now",
            Reply::Unknown(_) => "unknown",
        };
        self.calls.get_or_create(&Labels { reply }).inc();
    }
}

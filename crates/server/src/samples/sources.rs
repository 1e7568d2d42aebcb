//! Where a process counts what its samples tell, from its start on.

use std::sync::Arc;

use prometheus_client::registry::Registry;
use waybill_broker::embedded::CommitFanOut;

use super::counting::Counting;
use super::figures::SampleFigures;
use crate::observe::tally::Tally;
use crate::resilience::circuit_log::CircuitLog;

/// The counters of samples, and those about writing them.
pub struct Sources {
    pub tally: Arc<Tally>,
    pub circuits: Arc<CircuitLog>,
    pub figures: SampleFigures,
}

impl Sources {
    /// Fresh ones.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            tally: Arc::default(),
            circuits: Arc::default(),
            figures: SampleFigures::register(registry),
        }
    }

    /// Counts commits before it passes them on.
    #[must_use]
    pub fn listen_before(&self, then: CommitFanOut) -> Arc<Counting> {
        Arc::new(Counting {
            tally: self.tally.clone(),
            then,
        })
    }
}

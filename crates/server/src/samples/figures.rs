//! The metrics about samples.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::observe::families::named;

/// What became of samples.
#[derive(Clone)]
pub struct SampleFigures {
    /// Writes that failed; the rows are kept for the next one.
    pub failed: Counter,
    /// Rows that were given up because too many waited.
    pub dropped: Counter,
}

impl SampleFigures {
    /// Registers them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            failed: named(
                registry,
                "sample_writes_failed",
                "Writes of samples that failed and are tried again",
                Counter::default(),
            ),
            dropped: named(
                registry,
                "samples_dropped",
                "Samples given up because the store could not be written to for too long",
                Counter::default(),
            ),
        }
    }
}

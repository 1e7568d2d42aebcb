//! Signals that timers of a partition were set by this process, so that the carrier looks again at once.

use tokio::sync::Notify;

/// One signal per partition.
pub struct TimerSignals(Vec<Notify>);

impl TimerSignals {
    /// For a log of so many partitions; a log has at least one.
    #[must_use]
    pub fn new(partitions: u16) -> Self {
        Self((0..partitions.max(1)).map(|_| Notify::new()).collect())
    }

    /// The signal of a partition. A partition that does not exist is a defect; signalling another one does no harm.
    #[must_use]
    pub fn changed(&self, partition: u16) -> &Notify {
        &self.0[usize::from(partition) % self.0.len()]
    }
}

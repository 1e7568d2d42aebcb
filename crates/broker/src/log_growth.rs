//! Wake-ups for readers of the log: a partition has grown, look again.
//!
//! Invariant: a wake-up is a hint. One that is lost delays a reader until its next poll; it never makes one skip an
//! event.

use std::sync::OnceLock;
use tokio::sync::watch;

/// Wakes readers of one partition, or of all.
pub struct LogGrowth {
    any: watch::Sender<()>,
    /// One per partition, once their number is known.
    partitions: OnceLock<Vec<watch::Sender<()>>>,
}

impl Default for LogGrowth {
    fn default() -> Self {
        Self {
            any: watch::Sender::new(()),
            partitions: OnceLock::new(),
        }
    }
}

impl LogGrowth {
    /// Sets the number of partitions, which is known once the store is open. Before it, only readers of all
    /// partitions are woken.
    pub fn start(&self, partitions: u16) {
        let senders = (0..partitions).map(|_| watch::Sender::new(())).collect();
        // A second start changes nothing, because the number is fixed when a store is made.
        let _ = self.partitions.set(senders);
    }

    /// Wakes the readers of a partition. A partition that does not exist wakes only readers of all.
    pub fn notify(&self, partition: u16) {
        if let Some(of_partition) = self.of(partition) {
            of_partition.send_replace(());
        }
        self.any.send_replace(());
    }

    /// Changes when the partition has grown.
    #[must_use]
    pub fn watch(&self, partition: u16) -> watch::Receiver<()> {
        self.of(partition).unwrap_or(&self.any).subscribe()
    }

    /// Changes when any partition has grown.
    #[must_use]
    pub fn watch_all(&self) -> watch::Receiver<()> {
        self.any.subscribe()
    }

    fn of(&self, partition: u16) -> Option<&watch::Sender<()>> {
        self.partitions.get()?.get(usize::from(partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn woken(receiver: &watch::Receiver<()>) -> bool {
        receiver.has_changed().expect("the sender is alive")
    }

    #[test]
    fn a_reader_of_one_partition_is_woken_for_it_alone() {
        let growth = LogGrowth::default();
        growth.notify(0);
        growth.start(2);
        let (first, second, all) = (growth.watch(0), growth.watch(1), growth.watch_all());
        assert!(!woken(&first) && !woken(&all));
        growth.notify(0);
        assert!(woken(&first) && !woken(&second) && woken(&all));
        growth.notify(7);
        assert!(
            !woken(&second),
            "a partition that does not exist wakes no reader of another"
        );
    }

    #[test]
    fn before_the_number_of_partitions_is_known_every_reader_is_woken() {
        let growth = LogGrowth::default();
        let early = growth.watch(1);
        growth.notify(0);
        assert!(woken(&early));
    }
}

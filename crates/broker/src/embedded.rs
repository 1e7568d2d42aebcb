//! No broker at all: consumers of a store read its log themselves. After a commit the log's newest events are put
//! into the cache, and readers are woken.

use crate::log_cache::LogCache;
use crate::log_growth::LogGrowth;
use std::sync::Arc;
use waybill_domain::event::{LoggedEvent, NewEvent};
use waybill_store::CommitListener;

/// Passes commits on to the [`LogCache`] and the [`LogGrowth`] of this process.
pub struct CommitFanOut {
    pub cache: Arc<LogCache>,
    pub growth: Arc<LogGrowth>,
}

impl CommitListener for CommitFanOut {
    fn committed(&self, events: &Arc<[LoggedEvent]>) {
        self.cache.append(events);
        if let Some(newest) = events.last() {
            self.growth.notify(newest.partition);
        }
    }

    /// The log is not cached, and its readers are woken by [`CommitListener::grown`].
    fn appended(&self, _events: &[&NewEvent]) {}

    fn grown(&self, partition: u16) {
        self.growth.notify(partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_events::events;

    fn fan_out() -> CommitFanOut {
        CommitFanOut {
            cache: Arc::new(LogCache::new(3)),
            growth: Arc::default(),
        }
    }

    #[test]
    fn a_commit_is_in_the_cache_before_readers_are_woken() {
        let log = fan_out();
        log.cache.start_at(0);
        log.growth.start(1);
        let (partition, all) = (log.growth.watch(0), log.growth.watch_all());
        log.committed(&events(1..=2).into());
        assert_eq!(log.cache.last(), 2);
        assert!(partition.has_changed().expect("alive") && all.has_changed().expect("alive"));
    }

    #[test]
    fn growth_of_a_shared_log_wakes_readers_and_caches_nothing() {
        let log = fan_out();
        log.growth.start(2);
        let partition = log.growth.watch(1);
        log.grown(1);
        assert!(partition.has_changed().expect("alive"));
        assert!(log.cache.read(0, 1, &[]).is_none());
    }
}

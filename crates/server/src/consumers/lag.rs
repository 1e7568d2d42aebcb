//! How far the consumers of this process are behind the log, summed over their partitions.

use std::collections::BTreeMap;

use waybill_broker::log_cache::LogCache;
use waybill_domain::event::EventKind;
use waybill_domain::time::Time;
use waybill_store::{LogStore, Positions};

use crate::observe::metrics::{ConsumerPosition, Metrics};

/// The lag of one consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lag {
    /// Positions of the log that it has not passed.
    pub events: i64,
    /// Milliseconds since the oldest event that it has not passed was recorded.
    pub ms: i64,
}

/// By consumer: positions of the log that it has not passed.
#[must_use]
pub fn events(metrics: &Metrics, log: &Positions) -> BTreeMap<&'static str, i64> {
    let mut lags = BTreeMap::new();
    for ((consumer, partition), progress) in metrics.progress() {
        *lags.entry(consumer).or_default() += (log.of(partition) - progress.position).max(0);
    }
    lags
}

/// The lag of each consumer. Reads the first event not passed of each partition that is behind.
pub async fn lags(
    metrics: &Metrics,
    log: Log<'_>,
    ends: &Positions,
    now: Time,
) -> BTreeMap<&'static str, Lag> {
    let mut lags: BTreeMap<&'static str, Lag> = BTreeMap::new();
    for ((consumer, partition), progress) in metrics.progress() {
        let lag = lags.entry(consumer).or_default();
        let behind = (ends.of(partition) - progress.position).max(0);
        lag.events += behind;
        if behind > 0 {
            let since = log.oldest(partition, progress, now).await;
            lag.ms = lag.ms.max(now.ms_since(since));
        }
    }
    lags
}

/// Where events are read: from memory as far as it reaches, else from the table.
#[derive(Clone, Copy)]
pub struct Log<'a> {
    pub cache: &'a LogCache,
    pub store: &'a dyn LogStore,
}

impl Log<'_> {
    /// When the first event after a consumer's position was recorded.
    async fn oldest(self, partition: u16, progress: ConsumerPosition, now: Time) -> Time {
        let after = progress.position;
        let read = match self.cache.read(after, 1, EventKind::ALL) {
            Some(read) => Ok(read),
            None => {
                self.store
                    .read_log(partition, after, 1, EventKind::ALL)
                    .await
            }
        };
        // The log's end may be further on although the events up to it were deleted.
        match read {
            Ok((events, _)) => events.first().map_or(now, |e| e.recorded_at),
            Err(_) => progress.recorded_at,
        }
    }
}

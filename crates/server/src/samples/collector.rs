//! Collects what happened in this process since the last time.

use std::sync::Arc;
use std::time::Duration;

use waybill_broker::log_cache::LogCache;
use waybill_domain::sample::{QueueUse, Sample};
use waybill_domain::time::Time;
use waybill_store::LogStore;

use crate::consumers::lag;
use crate::intake::Intake;
use crate::observe::metrics::Metrics;
use crate::observe::tally::Tally;
use crate::resilience::circuit_log::CircuitLog;

/// How long the store may take to say how far its log is. Without an answer a sample has only the lags that consumers
/// have noted themselves.
const STORE_PATIENCE: Duration = Duration::from_secs(3);

/// Where figures of this process are.
pub struct Collector {
    pub tally: Arc<Tally>,
    pub intake: Arc<Intake>,
    pub metrics: Arc<Metrics>,
    pub circuits: Arc<CircuitLog>,
    pub log: Arc<dyn LogStore>,
    pub log_cache: Arc<LogCache>,
}

impl Collector {
    /// What was counted since the last call. Does not ask the store.
    #[must_use]
    pub fn take(&self) -> Sample {
        let mut sample = self.tally.take();
        sample.queue = QueueUse {
            most: self.intake.take_most_waiting() as u64,
            limit: self.intake.limit() as u64,
        };
        sample.breakers = self.circuits.take();
        for (consumer, ms) in self.metrics.take_most_delays() {
            sample.saw_lag(consumer, ms);
        }
        sample
    }

    /// Adds how far the consumers of this process are behind now.
    pub async fn look_at_lag(&self, sample: &mut Sample, now: Time) {
        if self.metrics.progress().is_empty() {
            return;
        }
        let look = async {
            let ends = self.log.log_ends().await.ok()?;
            let log = lag::Log {
                cache: &self.log_cache,
                store: &*self.log,
            };
            Some(lag::lags(&self.metrics, log, &ends, now).await)
        };
        let looked = tokio::time::timeout(STORE_PATIENCE, look).await;
        for (consumer, lag) in looked.ok().flatten().into_iter().flatten() {
            sample.saw_lag(consumer, lag.ms.max(0).unsigned_abs());
        }
    }
}

//! What every consumer of a process uses.

use std::sync::Arc;
use std::time::Duration;

use waybill_broker::log_cache::LogCache;
use waybill_broker::log_growth::LogGrowth;
use waybill_domain::retry::RetrySchedule;
use waybill_store::LogStore;

use super::background::Background;
use super::inbox::EventSource;
use crate::context::ContextSource;
use crate::observe::metrics::Metrics;

/// What every consumer of a process uses.
#[derive(Clone)]
pub struct ConsumerResources {
    pub log: Arc<dyn LogStore>,
    pub log_cache: Arc<LogCache>,
    pub log_growth: Arc<LogGrowth>,
    pub background: Arc<Background>,
    pub metrics: Arc<Metrics>,
    pub contexts: ContextSource,
    /// How often and how soon a parked event is tried again.
    pub schedule: RetrySchedule,
    /// The longest wait without a wake-up.
    pub poll_interval: Duration,
    /// For the events of other services that were too large for a message; may be empty.
    pub event_source: EventSource,
    /// How long a small batch of a shared log waits for more.
    pub gather: Duration,
}

impl ConsumerResources {
    /// How long to wait after so many failures in a row: with full jitter, so that consumers do not retry at the same
    /// time.
    #[must_use]
    pub fn back_off(&self, failures: u32) -> Duration {
        let longest = self.schedule.max_ms;
        let delay = self.schedule.delay_ms(failures).unwrap_or(longest);
        let jittered = self
            .contexts
            .entropy
            .range(0..delay.max(1).unsigned_abs() + 1);
        Duration::from_millis(jittered)
    }
}

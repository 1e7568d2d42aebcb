//! How far the consumers of this process are behind the log, summed over the parts it has.

use std::collections::BTreeMap;

use waybill_domain::event::EventKind;
use waybill_domain::time::Time;
use waybill_store::Positions;

use crate::app::App;
use crate::observe::metrics::Progress;

/// How far one consumer is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lag {
    /// Places of the log it has not passed.
    pub events: i64,
    /// Since the oldest event that it has not passed was recorded.
    pub ms: i64,
}

/// By consumer: how many places of the log it has not passed.
#[must_use]
pub fn events(app: &App, log: &Positions) -> BTreeMap<&'static str, i64> {
    let mut lags = BTreeMap::new();
    for ((consumer, part), progress) in app.metrics.progress() {
        *lags.entry(consumer).or_default() += (log.of(part) - progress.position).max(0);
    }
    lags
}

/// By consumer: how far it is behind. Reads the oldest event of each part that is not at its end.
pub async fn lags(app: &App, log: &Positions) -> BTreeMap<&'static str, Lag> {
    let mut lags: BTreeMap<&'static str, Lag> = BTreeMap::new();
    for ((consumer, part), progress) in app.metrics.progress() {
        let lag = lags.entry(consumer).or_default();
        let behind = (log.of(part) - progress.position).max(0);
        lag.events += behind;
        if behind > 0 {
            let since = oldest(app, part, progress).await;
            lag.ms = lag.ms.max(app.now().ms_since(since));
        }
    }
    lags
}

/// When the first event after a consumer's place was recorded.
async fn oldest(app: &App, part: u16, progress: Progress) -> Time {
    let after = progress.position;
    let read = match app.log_cache.read(after, 1, EventKind::ALL) {
        Some(read) => Ok(read),
        None => app.store.read_log(part, after, 1, EventKind::ALL).await,
    };
    // The log may have an end further on without an event that is still there.
    match read {
        Ok((events, _)) => events.first().map_or_else(|| app.now(), |e| e.recorded_at),
        Err(_) => progress.recorded_at,
    }
}

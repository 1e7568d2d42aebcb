//! What happened in a run: counters and histograms, kept in shards so that connections do not wait
//! for one another, and a few live counters for the progress display.
//!
//! Latency counts from the *intended* send time to the acknowledgement, sheds and waits included;
//! `service` counts from the last sending. Histograms keep three digits up to a minute, in µs.

use crate::observe::figures;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Longer waits are recorded as this.
const LONGEST_US: u64 = 60_000_000;
const DIGITS: u8 = 3;
const SHARDS: usize = 8;
/// Kinds of failure that are counted separately; the rest is counted as `other`.
const FAILURE_KINDS: usize = 40;

/// The three moments of an acknowledged order.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub intended: Instant,
    /// When it was first sent.
    pub first_sent: Instant,
    /// When the attempt that was answered was sent.
    pub sent: Instant,
    pub answered: Instant,
}

const SAME_BOUNDS: &str = "all histograms have the same bounds";

/// Microseconds.
fn latencies() -> Histogram<u32> {
    Histogram::new_with_bounds(1, LONGEST_US, DIGITS)
        .expect("1 to a minute with three digits is in range")
}

/// What a run (or a shard of it) has seen.
pub struct Tally {
    pub offered: u64,
    pub acknowledged: u64,
    pub replayed: u64,
    /// Answers "too busy", by status.
    pub sheds: BTreeMap<u16, u64>,
    /// Orders given up because the run ended while they waited to be sent again.
    pub abandoned: u64,
    /// Orders that the server was too busy for and that were not sent again (`--no-retry`).
    pub turned_away: u64,
    /// The same, where the status was configured to be fine.
    pub turned_away_as_expected: u64,
    /// Attempts without an answer that were sent again with the same key (`--ride-out`).
    pub resent: u64,
    /// By `status code` or what went wrong.
    pub tolerated: BTreeMap<String, u64>,
    pub failures: BTreeMap<String, u64>,
    /// The first failure in the server's own words.
    pub first_failure: Option<String>,
    pub latency: Histogram<u32>,
    pub service: Histogram<u32>,
    pub replay: Histogram<u32>,
    /// How much later than intended orders were first sent: our own slowness.
    pub late: Histogram<u32>,
    /// Ids of new orders, kept only if they are read later.
    pub ids: Vec<Box<str>>,
    pub last_acknowledged: Option<Instant>,
}

impl Tally {
    fn new() -> Self {
        Self {
            offered: 0,
            acknowledged: 0,
            replayed: 0,
            sheds: BTreeMap::new(),
            abandoned: 0,
            turned_away: 0,
            turned_away_as_expected: 0,
            resent: 0,
            tolerated: BTreeMap::new(),
            failures: BTreeMap::new(),
            first_failure: None,
            latency: latencies(),
            service: latencies(),
            replay: latencies(),
            late: latencies(),
            ids: Vec::new(),
            last_acknowledged: None,
        }
    }

    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    #[must_use]
    pub fn tolerated(&self) -> u64 {
        self.tolerated.values().sum()
    }

    /// Orders that were due and of which nothing was written down: the run ended while they were under way.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        let settled = self.acknowledged
            + self.replayed
            + self.tolerated()
            + self.failed()
            + self.abandoned
            + self.turned_away
            + self.turned_away_as_expected;
        figures::left(self.offered, settled)
    }

    #[must_use]
    pub fn shed(&self) -> u64 {
        self.sheds.values().sum()
    }

    fn absorb(&mut self, other: Self) {
        self.offered += other.offered;
        self.acknowledged += other.acknowledged;
        self.replayed += other.replayed;
        self.abandoned += other.abandoned;
        self.turned_away += other.turned_away;
        self.turned_away_as_expected += other.turned_away_as_expected;
        self.resent += other.resent;
        for (status, count) in other.sheds {
            *self.sheds.entry(status).or_default() += count;
        }
        for (kind, count) in other.tolerated {
            *self.tolerated.entry(kind).or_default() += count;
        }
        for (kind, count) in other.failures {
            *self.failures.entry(kind).or_default() += count;
        }
        self.first_failure = self.first_failure.take().or(other.first_failure);
        for (ours, theirs) in [
            (&mut self.latency, other.latency),
            (&mut self.service, other.service),
            (&mut self.replay, other.replay),
            (&mut self.late, other.late),
        ] {
            ours.add(theirs).expect(SAME_BOUNDS);
        }
        self.ids.extend(other.ids);
        self.last_acknowledged = self.last_acknowledged.max(other.last_acknowledged);
    }
}

/// Counters that are read while the run goes on.
#[derive(Default)]
pub struct Live {
    pub offered: AtomicU64,
    pub acknowledged: AtomicU64,
    pub sheds: AtomicU64,
    pub failures: AtomicU64,
    pub settled: AtomicU64,
}

/// Where all connections of a run write down what they saw.
pub struct Recorder {
    shards: Vec<Mutex<Tally>>,
    /// Latencies since the last read, per shard; `None` without a timeline.
    intervals: Option<Vec<Mutex<Histogram<u32>>>>,
    pub live: Live,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(Tally::new())).collect(),
            intervals: None,
            live: Live::default(),
        }
    }
}

impl Recorder {
    /// One that can also tell the latencies of an interval.
    #[must_use]
    pub fn with_intervals() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(latencies()));
        Self {
            intervals: Some(shards.collect()),
            ..Self::default()
        }
    }

    /// The latencies recorded since the last call; `None` where they are not kept.
    #[must_use]
    pub fn interval(&self) -> Option<Histogram<u32>> {
        let mut all = latencies();
        for shard in self.intervals.as_ref()? {
            let mut shard = shard.lock();
            all.add(&*shard).expect(SAME_BOUNDS);
            shard.reset();
        }
        Some(all)
    }

    /// An order was due.
    pub fn offered(&self, worker: usize) {
        self.shard(worker).lock().offered += 1;
        self.live.offered.fetch_add(1, Ordering::Relaxed);
    }

    /// A new order was acknowledged; `id` where it will be asked for later.
    pub fn acknowledged(&self, worker: usize, timing: Timing, id: Option<Box<str>>) {
        let mut tally = self.shard(worker).lock();
        tally.acknowledged += 1;
        record(&mut tally.latency, timing.answered - timing.intended);
        record(&mut tally.service, timing.answered - timing.sent);
        record(&mut tally.late, timing.first_sent - timing.intended);
        tally.last_acknowledged = tally.last_acknowledged.max(Some(timing.answered));
        tally.ids.extend(id);
        drop(tally);
        if let Some(intervals) = &self.intervals {
            let mut interval = intervals[worker % SHARDS].lock();
            record(&mut interval, timing.answered - timing.intended);
        }
        self.live.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.settled();
    }

    /// An earlier order was sent again and answered as before.
    pub fn replayed(&self, worker: usize, timing: Timing) {
        let mut tally = self.shard(worker).lock();
        tally.replayed += 1;
        record(&mut tally.replay, timing.answered - timing.sent);
        record(&mut tally.late, timing.first_sent - timing.intended);
        tally.last_acknowledged = tally.last_acknowledged.max(Some(timing.answered));
        drop(tally);
        self.live.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.settled();
    }

    /// The server was too busy and said when to come back.
    pub fn shed(&self, worker: usize, status: u16) {
        *self.shard(worker).lock().sheds.entry(status).or_default() += 1;
        self.live.sheds.fetch_add(1, Ordering::Relaxed);
    }

    pub fn resent(&self, worker: usize) {
        self.shard(worker).lock().resent += 1;
    }

    pub fn turned_away(&self, worker: usize, as_expected: bool) {
        let mut tally = self.shard(worker).lock();
        if as_expected {
            tally.turned_away_as_expected += 1;
        } else {
            tally.turned_away += 1;
        }
        drop(tally);
        self.settled();
    }

    pub fn abandoned(&self, worker: usize) {
        self.shard(worker).lock().abandoned += 1;
        self.settled();
    }

    /// A failure that the caller configured to be fine.
    pub fn tolerated(&self, worker: usize, kind: String) {
        count(&mut self.shard(worker).lock().tolerated, kind);
        self.settled();
    }

    /// A failure; `words` are kept for the first one.
    pub fn failed(&self, worker: usize, kind: String, words: impl FnOnce() -> String) {
        let mut tally = self.shard(worker).lock();
        if tally.first_failure.is_none() {
            tally.first_failure = Some(words());
        }
        count(&mut tally.failures, kind);
        drop(tally);
        self.live.failures.fetch_add(1, Ordering::Relaxed);
        self.settled();
    }

    /// Everything together, once the run is over; the shards are empty afterwards.
    #[must_use]
    pub fn take(&self) -> Tally {
        self.shards.iter().fold(Tally::new(), |mut all, shard| {
            all.absorb(std::mem::replace(&mut *shard.lock(), Tally::new()));
            all
        })
    }

    fn settled(&self) {
        self.live.settled.fetch_add(1, Ordering::Relaxed);
    }

    fn shard(&self, worker: usize) -> &Mutex<Tally> {
        &self.shards[worker % self.shards.len()]
    }
}

fn record(histogram: &mut Histogram<u32>, span: Duration) {
    histogram.saturating_record(figures::micros(span).min(LONGEST_US));
}

fn count(kinds: &mut BTreeMap<String, u64>, kind: String) {
    let kind = if kinds.len() >= FAILURE_KINDS && !kinds.contains_key(&kind) {
        "other".to_owned()
    } else {
        kind
    };
    *kinds.entry(kind).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_counts_from_the_intended_time_and_service_from_the_last_sending() {
        let recorder = Recorder::default();
        let intended = Instant::now();
        let after = |ms| intended + Duration::from_millis(ms);
        let timing = Timing {
            intended,
            first_sent: after(10),
            sent: after(1000),
            answered: after(1005),
        };
        recorder.acknowledged(0, timing, None);
        let tally = recorder.take();
        let near = |histogram: &Histogram<u32>, us: u64| histogram.max().abs_diff(us) <= us / 500;
        assert!(
            near(&tally.latency, 1_005_000)
                && near(&tally.service, 5_000)
                && near(&tally.late, 10_000)
        );
    }

    #[test]
    fn an_interval_is_told_once_and_the_whole_run_still_has_it() {
        let recorder = Recorder::with_intervals();
        let intended = Instant::now();
        for worker in 0..20 {
            let timing = Timing {
                intended,
                first_sent: intended,
                sent: intended,
                answered: intended + Duration::from_millis(2),
            };
            recorder.acknowledged(worker, timing, None);
        }
        let told = |recorder: &Recorder| recorder.interval().map(|interval| interval.len());
        assert_eq!((told(&recorder), told(&recorder)), (Some(20), Some(0)));
        assert_eq!(recorder.take().latency.len(), 20);
        assert_eq!(told(&Recorder::default()), None);
    }

    #[test]
    fn shards_add_up_and_a_wait_beyond_a_minute_is_a_minute() {
        let recorder = Recorder::default();
        let intended = Instant::now();
        let answered = intended + Duration::from_secs(3600);
        for worker in 0..20 {
            recorder.offered(worker);
            recorder.shed(worker, 503);
            recorder.acknowledged(
                worker,
                Timing {
                    intended,
                    first_sent: intended,
                    sent: intended,
                    answered,
                },
                Some(worker.to_string().into()),
            );
        }
        let tally = recorder.take();
        assert_eq!(
            (
                tally.offered,
                tally.acknowledged,
                tally.shed(),
                tally.ids.len()
            ),
            (20, 20, 20, 20)
        );
        assert!(tally.latency.max().abs_diff(LONGEST_US) < 100_000);
    }

    #[test]
    fn kinds_of_failure_are_bounded() {
        let recorder = Recorder::default();
        for number in 0..200 {
            recorder.failed(0, format!("kind {number}"), || format!("words {number}"));
        }
        let tally = recorder.take();
        assert_eq!(
            (tally.failures.len(), tally.failed()),
            (FAILURE_KINDS + 1, 200)
        );
        assert_eq!(tally.first_failure.as_deref(), Some("words 0"));
    }
}

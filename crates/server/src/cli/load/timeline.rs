//! A run second by second: orders, latencies, and the lag of the consumers.
//!
//! Owns the sampling during the run. Invariant: the number of points is bounded; for a longer run pairs of points are
//! merged, with counts added and the worse of two latencies and lags kept, so that no figure looks better than it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use super::worker::Run;
use crate::client::Client;
use crate::observe::figures;

/// The length of a step at the beginning.
const STEP: Duration = Duration::from_secs(1);
/// Points at most; an even number, because they are merged in pairs.
const MOST_POINTS: usize = 900;

/// Latencies of one step, in milliseconds from the intended time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

impl Spread {
    /// `None` where nothing was recorded.
    fn of(histogram: &Histogram<u32>) -> Option<Self> {
        let ms = |micros: u64| micros as f64 / 1e3;
        (!histogram.is_empty()).then(|| Self {
            p50_ms: ms(histogram.value_at_quantile(0.5)),
            p99_ms: ms(histogram.value_at_quantile(0.99)),
            p999_ms: ms(histogram.value_at_quantile(0.999)),
            max_ms: ms(histogram.max()),
        })
    }

    fn worse(self, other: Self) -> Self {
        Self {
            p50_ms: self.p50_ms.max(other.p50_ms),
            p99_ms: self.p99_ms.max(other.p99_ms),
            p999_ms: self.p999_ms.max(other.p999_ms),
            max_ms: self.max_ms.max(other.max_ms),
        }
    }
}

/// Events that each consumer has not passed yet; empty if the server reports none.
pub type Lag = BTreeMap<String, u64>;

/// One step of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// From the start of the run to the end of this step.
    pub at_s: f64,
    pub seconds: f64,
    pub acknowledged: u64,
    pub shed: u64,
    pub errors: u64,
    pub latency: Option<Spread>,
    /// `None` where the server did not answer in this step.
    pub lag: Option<Lag>,
}

impl Point {
    fn joined(self, next: Self) -> Self {
        let lag = match (self.lag, next.lag) {
            (Some(mut one), Some(other)) => {
                for (consumer, events) in other {
                    let worst = one.entry(consumer).or_default();
                    *worst = events.max(*worst);
                }
                Some(one)
            }
            (one, other) => one.or(other),
        };
        Self {
            at_s: next.at_s,
            seconds: self.seconds + next.seconds,
            acknowledged: self.acknowledged + next.acknowledged,
            shed: self.shed + next.shed,
            errors: self.errors + next.errors,
            latency: match (self.latency, next.latency) {
                (Some(one), Some(other)) => Some(one.worse(other)),
                (one, other) => one.or(other),
            },
            lag,
        }
    }

    /// A count of this step as a rate.
    #[must_use]
    pub fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.seconds.max(0.001)
    }
}

/// A run, step by step.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    pub points: Vec<Point>,
    /// Steps that one point stands for now.
    merged: usize,
    /// Steps that are not enough for a point yet.
    open: Option<(usize, Point)>,
}

impl Timeline {
    /// Adds a step; if there are too many points, merges all of them in pairs.
    pub fn push(&mut self, step: Point) {
        let merged = self.merged.max(1);
        let (steps, point) = match self.open.take() {
            Some((steps, point)) => (steps + 1, point.joined(step)),
            None => (1, step),
        };
        if steps < merged {
            self.open = Some((steps, point));
            return;
        }
        self.points.push(point);
        if self.points.len() >= MOST_POINTS {
            let mut finer = std::mem::take(&mut self.points).into_iter();
            while let (Some(one), Some(other)) = (finer.next(), finer.next()) {
                self.points.push(one.joined(other));
            }
            self.merged = merged * 2;
        }
    }

    /// Adds the open steps as the last point.
    fn finished(mut self) -> Self {
        if let Some((_, point)) = self.open.take() {
            self.points.push(point);
        }
        self
    }

    /// Every consumer that any sample names.
    #[must_use]
    pub fn consumers(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .points
            .iter()
            .filter_map(|point| point.lag.as_ref())
            .flat_map(|lag| lag.keys().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// A run being sampled.
pub struct Sampling {
    task: tokio::task::JoinHandle<()>,
    asking: tokio::task::JoinHandle<()>,
    sampler: Arc<Mutex<Sampler>>,
}

impl Sampling {
    /// Samples from now on, and asks the server once a second how far its consumers are behind.
    #[must_use]
    pub fn start(run: Arc<Run>, client: Client) -> Self {
        let sampler = Arc::new(Mutex::new(Sampler::new(run)));
        let latest = Arc::clone(&sampler.lock().latest_lag);
        let task = tokio::spawn({
            let sampler = Arc::clone(&sampler);
            async move {
                let mut ticks = tokio::time::interval(STEP);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                ticks.tick().await;
                loop {
                    ticks.tick().await;
                    sampler.lock().step();
                }
            }
        });
        Self {
            task,
            asking: tokio::spawn(ask(client, latest)),
            sampler,
        }
    }

    /// Takes what is left of the last step and hands the timeline over.
    pub async fn finish(self) -> Timeline {
        self.task.abort();
        self.asking.abort();
        // Both tasks only wait, so they end at once when aborted.
        let _ = tokio::join!(self.task, self.asking);
        let mut sampler = self.sampler.lock();
        sampler.step();
        std::mem::take(&mut sampler.timeline).finished()
    }
}

/// The latest answer about the lag, until a step takes it.
type LatestLag = Arc<Mutex<Option<Lag>>>;

struct Sampler {
    run: Arc<Run>,
    started: Instant,
    stepped: Instant,
    /// Acknowledged, shed and failed at the last step.
    before: [u64; 3],
    latest_lag: LatestLag,
    timeline: Timeline,
}

impl Sampler {
    fn new(run: Arc<Run>) -> Self {
        let now = Instant::now();
        Self {
            run,
            started: now,
            stepped: now,
            before: [0; 3],
            latest_lag: LatestLag::default(),
            timeline: Timeline::default(),
        }
    }

    fn step(&mut self) {
        let live = &self.run.recorder.live;
        let now = Instant::now();
        let counts = [&live.acknowledged, &live.sheds, &live.failures]
            .map(|count| count.load(Ordering::Relaxed));
        let [acknowledged, shed, errors] =
            std::array::from_fn(|n| figures::left(counts[n], self.before[n]));
        self.timeline.push(Point {
            at_s: (now - self.started).as_secs_f64(),
            seconds: (now - self.stepped).as_secs_f64(),
            acknowledged,
            shed,
            errors,
            latency: self.run.recorder.interval().as_ref().and_then(Spread::of),
            lag: self.latest_lag.lock().take(),
        });
        (self.before, self.stepped) = (counts, now);
    }
}

/// Polls the lag until it is aborted. A late answer counts for the step in which it arrives. A request is never
/// cancelled, because its late answer would be taken for the next one's.
async fn ask(mut client: Client, latest: LatestLag) {
    loop {
        let asked = Instant::now();
        if let Ok(answer) = client.get("/api/metrics").await {
            *latest.lock() = Some(read(&answer.body));
        }
        tokio::time::sleep_until(asked + STEP).await;
    }
}

fn read(body: &Value) -> Lag {
    let lag = body["outbox"]["lag"].as_object();
    lag.into_iter()
        .flatten()
        .filter_map(|(consumer, events)| Some((consumer.clone(), events.as_u64()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(n: usize) -> Point {
        let ms = n as f64;
        Point {
            at_s: n as f64 + 1.0,
            seconds: 1.0,
            acknowledged: 10,
            shed: 1,
            errors: u64::from(n == 0),
            latency: Some(Spread {
                p50_ms: ms,
                p99_ms: ms,
                p999_ms: ms,
                max_ms: ms,
            }),
            lag: Some([("delivery".to_owned(), n as u64)].into()),
        }
    }

    #[test]
    fn a_long_run_is_kept_coarser_and_never_looks_better_than_it_was() {
        let mut timeline = Timeline::default();
        let steps = MOST_POINTS * 3 + 5;
        (0..steps).for_each(|n| timeline.push(step(n)));
        let points = timeline.finished().points;
        assert!(points.len() < MOST_POINTS, "{}", points.len());
        let acknowledged: u64 = points.iter().map(|p| p.acknowledged).sum();
        assert_eq!(acknowledged, 10 * steps as u64);
        let seconds: f64 = points.iter().map(|p| p.seconds).sum();
        assert!((seconds - steps as f64).abs() < 1e-6);
        assert!(points.is_sorted_by(|a, b| a.at_s < b.at_s));
        // Each point's worst is that of its last step, because both rose.
        for point in &points {
            let worst = point.at_s - 1.0;
            assert_eq!(point.latency.map(|l| l.p99_ms), Some(worst));
            assert_eq!(
                point.lag.as_ref().map(|l| l["delivery"]),
                Some(worst as u64)
            );
        }
    }

    #[test]
    fn the_lag_is_read_per_consumer_and_a_server_without_any_is_no_error() {
        let body = json!({"outbox": {"pending": 7, "lag": {"delivery": 7, "status": 0}}});
        let lag = read(&body);
        assert_eq!((lag["delivery"], lag["status"]), (7, 0));
        assert_eq!(read(&json!({})), Lag::new());
    }
}

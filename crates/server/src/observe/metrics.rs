//! Metrics for operators, as Prometheus defines them. Roles register their own. Label values are bounded: routes,
//! statuses, consumers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use waybill_domain::time::Time;

use super::families::{ConsumerLabel, named, seconds};
use super::inbox_figures::InboxFigures;
use crate::auth::TokenError;

/// A route as it is written in the router, and how it was answered.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Answered {
    pub method: &'static str,
    pub route: String,
    pub status: u16,
}

/// A route.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Route {
    pub route: String,
}

/// Why a token was refused: one of the codes of `auth::TokenError`, or a scope that is missing.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Refused {
    pub reason: &'static str,
}

impl Refused {
    fn of(code: &'static str) -> Self {
        Self {
            reason: code.strip_prefix("token_").unwrap_or(code),
        }
    }
}

/// A consumer's position in a partition.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsumerPosition {
    pub position: i64,
    /// When the last event it has dealt with was recorded.
    pub recorded_at: Time,
}

/// Everything that is counted.
pub struct Metrics {
    pub registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    pub intake_batch: Histogram,
    applied: Family<ConsumerLabel, Counter>,
    delays: Family<ConsumerLabel, Histogram, fn() -> Histogram>,
    partitions: Family<ConsumerLabel, Gauge>,
    takeovers: Family<ConsumerLabel, Counter>,
    lost: Family<ConsumerLabel, Counter>,
    tokens_refused: Family<Refused, Counter>,
    /// Of what comes from other stores.
    pub inbox: InboxFigures,
    progress: Mutex<BTreeMap<(&'static str, u16), ConsumerPosition>>,
    /// By consumer: the longest delay in milliseconds since somebody looked.
    most_delays: Mutex<BTreeMap<&'static str, u64>>,
    /// Answers by the first digit of their status.
    answers: [AtomicU64; 6],
}

fn orders_of_a_batch() -> Histogram {
    Histogram::new([
        1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0,
    ])
}

fn takeovers(registry: &mut Registry) -> Family<ConsumerLabel, Counter> {
    let help = "Leases of other processes that had run out and were taken";
    named(registry, "lease_takeovers", help, Family::default())
}

fn lost(registry: &mut Registry) -> Family<ConsumerLabel, Counter> {
    let help = "Leases that this process had and could not keep";
    named(registry, "leases_lost", help, Family::default())
}

fn tokens_refused(registry: &mut Registry) -> Family<Refused, Counter> {
    let help = "Requests refused for their token, by the reason";
    let refused: Family<Refused, Counter> =
        named(registry, "tokens_refused", help, Family::default());
    for kind in TokenError::KINDS {
        // 0 from the start: Prometheus cannot compute a rate over the first event of a counter that was missing before.
        let _ = refused.get_or_create(&Refused::of(kind.code()));
    }
    refused
}

impl Default for Metrics {
    fn default() -> Self {
        Self::beside(Registry::with_prefix(PREFIX))
    }
}

/// Begins the name of every metric.
pub const PREFIX: &str = "waybill";

impl Metrics {
    /// Fresh counters, registered beside those that roles have registered.
    #[must_use]
    pub fn beside(mut registry: Registry) -> Self {
        let r = &mut registry;
        let by_route = Family::new_with_constructor(seconds as fn() -> Histogram);
        let by_consumer = Family::new_with_constructor(seconds as fn() -> Histogram);
        Self {
            requests: named(r, "http_requests", "Requests answered", Family::default()),
            durations: named(
                r,
                "http_request_seconds",
                "From the request's head to the answer's",
                by_route,
            ),
            intake_batch: named(
                r,
                "intake_batch_orders",
                "Orders taken together into one transaction",
                orders_of_a_batch(),
            ),
            applied: named(
                r,
                "consumer_changes",
                "Changes applied by a consumer",
                Family::default(),
            ),
            delays: named(
                r,
                "consumer_delay_seconds",
                "From an event's commit to its effect's",
                by_consumer,
            ),
            partitions: named(
                r,
                "consumer_parts",
                "Partitions of the log that this process has for a consumer",
                Family::default(),
            ),
            takeovers: takeovers(r),
            lost: lost(r),
            tokens_refused: tokens_refused(r),
            inbox: InboxFigures::register(r),
            progress: Mutex::default(),
            most_delays: Mutex::default(),
            answers: Default::default(),
            registry,
        }
    }

    /// Counts an answered request.
    pub fn answered(&self, method: &'static str, route: &str, status: u16, took_s: f64) {
        if let Some(class) = self.answers.get(usize::from(status / 100)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.requests
            .get_or_create(&Answered {
                method,
                route: route.to_owned(),
                status,
            })
            .inc();
        self.durations
            .get_or_create(&Route {
                route: route.to_owned(),
            })
            .observe(took_s);
    }

    /// Counts a request that was refused for its token.
    pub fn token_refused(&self, reason: &'static str) {
        self.tokens_refused
            .get_or_create(&Refused::of(reason))
            .inc();
    }

    /// All answered requests so far, by the first digit of their status: `[_, 1xx, 2xx, 3xx, 4xx, 5xx]`.
    #[must_use]
    pub fn answers(&self) -> [u64; 6] {
        std::array::from_fn(|class| self.answers[class].load(Ordering::Relaxed))
    }

    /// The position of each consumer in each partition that this process holds for it.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<(&'static str, u16), ConsumerPosition> {
        self.progress.lock().clone()
    }

    /// By consumer that has taken events: the longest delay from an event's commit to its effect's since the last call, in
    /// milliseconds.
    #[must_use]
    pub fn take_most_delays(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut *self.most_delays.lock())
    }

    /// Notes a consumer's position in a partition after events without effect.
    pub fn passed(&self, consumer: &'static str, partition: u16, position: i64) {
        let mut progress = self.progress.lock();
        progress.entry((consumer, partition)).or_default().position = position;
    }

    /// Notes that this process holds a partition for a consumer from now on. Only consumers that report a position have
    /// lag; timers and housekeeping hold leases too, but read no log.
    pub fn took(&self, consumer: &'static str) {
        self.partitions
            .get_or_create(&ConsumerLabel { consumer })
            .inc();
    }

    /// Forgets a partition that this process no longer holds.
    pub fn gave_up(&self, consumer: &'static str, partition: u16) {
        self.partitions
            .get_or_create(&ConsumerLabel { consumer })
            .dec();
        self.progress.lock().remove(&(consumer, partition));
    }

    /// Counts a lease that another process let expire and this one took.
    pub fn took_over(&self, consumer: &'static str) {
        self.takeovers
            .get_or_create(&ConsumerLabel { consumer })
            .inc();
    }

    /// Counts a lease that this process lost.
    pub fn lost(&self, consumer: &'static str) {
        self.lost.get_or_create(&ConsumerLabel { consumer }).inc();
    }

    /// Records a consumer's batch in a partition: its changes, its position, and the delay from the events' commits to
    /// their effect.
    pub fn consumed(
        &self,
        (consumer, partition): (&'static str, u16),
        changes: u64,
        position: i64,
        recorded: &[Time],
        now: Time,
    ) {
        let label = ConsumerLabel { consumer };
        self.applied.get_or_create(&label).inc_by(changes);
        if let Some(last) = recorded.last() {
            let delays = self.delays.get_or_create(&label);
            let mut most = 0;
            for at in recorded {
                let delay = (now.0 - at.0).max(0);
                delays.observe(delay as f64 / 1e6);
                most = most.max(delay.unsigned_abs() / 1_000);
            }
            let mut most_delays = self.most_delays.lock();
            let known = most_delays.entry(consumer).or_default();
            *known = most.max(*known);
            drop(most_delays);
            self.progress.lock().insert(
                (consumer, partition),
                ConsumerPosition {
                    position,
                    recorded_at: *last,
                },
            );
        } else {
            self.passed(consumer, partition, position);
        }
    }
}

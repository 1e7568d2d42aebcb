//! Samples as they are answered.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use waybill_domain::sample::{Circuit, Latency, Step, Transition};
use waybill_domain::time::Time;

use super::merged::{Merged, MergedSlot};
use super::range::Range;
use crate::observe::figures;

/// Processes that an answer names: each start is another one.
const MOST_PROCESSES: usize = 200;

/// What processes counted, slot by slot.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Samples)]
pub struct SamplesView {
    /// The length of a slot.
    #[schema(value_type = crate::http::v1::schemas::SampleStep)]
    step: Step,
    /// The beginning of the first slot that was asked for.
    #[schema(value_type = crate::http::v1::schemas::Timestamp)]
    from: Time,
    /// Slots begin before this time.
    #[schema(value_type = crate::http::v1::schemas::Timestamp)]
    to: Time,
    /// Oldest first. A slot that no process wrote is missing.
    items: Vec<SlotView>,
    /// The processes that wrote, by when they were last seen, the latest first. A process that was started again is another
    /// one.
    processes: Vec<ProcessView>,
    /// How many more there were.
    processes_left_out: u64,
    /// Rows that could not be read and are left out; the log names one.
    unreadable: u64,
}

/// What was counted in a slot, by all processes together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SampleSlot)]
pub struct SlotView {
    /// When the slot begins.
    #[schema(value_type = crate::http::v1::schemas::Timestamp)]
    at: Time,
    /// How long was counted: rates are counts divided by it. Of the present slot what has passed; longer than the slot where
    /// the store was slow or the clock was set back.
    #[schema(example = 10.0)]
    seconds: f64,
    /// How many processes wrote.
    processes: u64,
    /// Orders made per second.
    #[schema(example = 812.4)]
    orders_per_second: f64,
    /// Orders per second that were read and not made: out of stock, a key that was taken, a full queue, no store.
    refused_per_second: f64,
    /// Orders per second whose last unit was delivered.
    delivered_per_second: f64,
    /// How long intake took for orders that were made, in milliseconds.
    latency_ms: LatencyView,
    /// The intake queue.
    queue: QueueView,
    /// By consumer: the longest that an event had waited, in milliseconds.
    #[schema(value_type = BTreeMap<String, u64>)]
    lag_ms: BTreeMap<String, u64>,
    /// Each change of a circuit breaker; of many the newest.
    breakers: Vec<TransitionView>,
    /// How many more changes there were.
    breakers_left_out: u64,
}

/// How long intake took for orders that were made, from the whole request to the commit; within 5 %. Null without orders.
#[derive(Serialize, ToSchema)]
#[schema(as = SampleLatency)]
pub struct LatencyView {
    /// Half of all orders took at most so long.
    #[schema(example = 1.9)]
    p50: Option<f64>,
    /// Nine of ten.
    p90: Option<f64>,
    /// 99 of a hundred.
    p99: Option<f64>,
    /// 999 of a thousand.
    p999: Option<f64>,
    /// How many orders there were.
    count: u64,
}

/// The intake queue, of the process in which most orders waited.
#[derive(Serialize, ToSchema)]
#[schema(as = SampleQueue)]
pub struct QueueView {
    /// The most orders that waited at once.
    most: u64,
    /// As many may wait.
    limit: u64,
}

/// A circuit breaker that changed.
#[derive(Serialize, ToSchema)]
#[schema(as = SampleBreaker)]
pub struct TransitionView {
    /// When.
    #[schema(value_type = crate::http::v1::schemas::Timestamp)]
    at: Time,
    /// What is called behind it.
    #[schema(example = "inventory")]
    name: String,
    /// Where it stood.
    #[schema(value_type = crate::http::v1::schemas::Circuit)]
    from: Circuit,
    /// Where it stands since.
    #[schema(value_type = crate::http::v1::schemas::Circuit)]
    to: Circuit,
}

/// A process, and when it wrote.
#[derive(Serialize, ToSchema)]
#[schema(as = SampleProcess)]
pub struct ProcessView {
    /// Machine, number and id of the process.
    #[schema(example = "web-1/4711/018f6f1e-0000-7000-8000-000000000000")]
    id: String,
    /// The first slot of it that was asked for.
    #[schema(value_type = crate::http::v1::schemas::Timestamp)]
    first: Time,
    /// The last one.
    #[schema(value_type = crate::http::v1::schemas::Timestamp)]
    last: Time,
}

impl SamplesView {
    pub fn new(range: &Range, merged: Merged, now: Time) -> Self {
        let slots = merged.slots.into_iter();
        let processes = merged.processes.into_iter();
        let mut processes: Vec<ProcessView> = processes
            .map(|(id, seen)| ProcessView {
                id,
                first: seen.first,
                last: seen.last,
            })
            .collect();
        processes.sort_by_key(|process| std::cmp::Reverse((process.last, process.first)));
        let all = processes.len();
        processes.truncate(MOST_PROCESSES);
        Self {
            step: range.step,
            from: range.from,
            to: range.to,
            items: slots
                .map(|(at, slot)| SlotView::new(range.step, at, slot, now))
                .collect(),
            processes_left_out: figures::left(all as u64, processes.len() as u64),
            processes,
            unreadable: merged.unreadable,
        }
    }
}

impl SlotView {
    fn new(step: Step, at: Time, slot: MergedSlot, now: Time) -> Self {
        let MergedSlot { sample, processes } = slot;
        // Of the present slot, which is still being filled, what has passed; a second at least.
        let passed_ms = now.ms_since(at).clamp(1_000, step.ms()).unsigned_abs();
        let seconds = passed_ms.max(sample.covered_ms) as f64 / 1e3;
        let rate = |count: u64| rounded(count as f64 / seconds);
        let left_out = sample.breakers.left_out();
        let breakers = sample.breakers.kept().iter().cloned();
        Self {
            at,
            seconds,
            processes,
            orders_per_second: rate(sample.accepted),
            refused_per_second: rate(sample.refused),
            delivered_per_second: rate(sample.delivered),
            latency_ms: LatencyView::of(&sample.latency),
            queue: QueueView {
                most: sample.queue.most,
                limit: sample.queue.limit,
            },
            breakers: breakers.map(TransitionView::from).collect(),
            breakers_left_out: left_out,
            lag_ms: sample.lag_ms,
        }
    }
}

impl LatencyView {
    fn of(latency: &Latency) -> Self {
        let of = |thousandths| latency.percentile_ms(thousandths).map(rounded);
        Self {
            p50: of(500),
            p90: of(900),
            p99: of(990),
            p999: of(999),
            count: latency.count(),
        }
    }
}

impl From<Transition> for TransitionView {
    fn from(transition: Transition) -> Self {
        let Transition { at, name, from, to } = transition;
        Self { at, name, from, to }
    }
}

/// To a thousandth.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

//! The task that writes samples, one for each process, whatever roles it has.
//!
//! It wakes at whole multiples of `samples.interval_ms` and at the end of every ten seconds. What was counted in between
//! belongs to the slot in which it began. The last part of a slot is written when the process stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waybill_domain::sample::{Filling, Sample, Step};
use waybill_domain::time::Time;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, SampleStore};

use super::collector::Collector;
use super::figures::SampleFigures;
use super::unwritten::Unwritten;
use crate::clock::{Clock, MICROS_PER_MILLI};

/// How long a stop waits for the last row.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Writes the samples of one process.
pub struct SampleWriter {
    pub store: Arc<dyn SampleStore>,
    pub clock: Arc<dyn Clock>,
    pub collector: Collector,
    pub figures: SampleFigures,
    /// The name of this process, as on its leases.
    pub process: String,
    /// How often it writes, in milliseconds; not 0.
    pub interval_ms: i64,
}

/// The running task.
pub struct Sampling {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Sampling {
    /// Writes what was counted until now, and ends. A store that takes longer than two seconds for it loses that.
    pub async fn stop(mut self) {
        self.stop.cancel();
        match tokio::time::timeout(STOP_PATIENCE, &mut self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the task that writes samples failed"),
            Err(_) => {
                self.task.abort();
                tracing::warn!("the last sample was not written: the store takes too long");
            }
        }
    }
}

/// What the task knows between two turns.
struct Progress {
    /// Since when the next sample is counted.
    from: Time,
    filling: Filling,
    unwritten: Unwritten,
    outage: Outage,
}

impl SampleWriter {
    /// Starts the task.
    #[must_use]
    pub fn start(self) -> Sampling {
        let stop = CancellationToken::new();
        let task = tokio::spawn(self.run(stop.clone()));
        Sampling { stop, task }
    }

    fn now(&self) -> Time {
        Time(self.clock.now_micros())
    }

    async fn run(self, stop: CancellationToken) {
        let now = self.now();
        let mut progress = Progress {
            from: now,
            filling: Filling::from(now),
            unwritten: Unwritten::default(),
            outage: Outage::new("samples", "samples cannot be written"),
        };
        loop {
            let now = self.now();
            let due = self.due_after(now);
            let wait = Duration::from_micros((due.0 - now.0).unsigned_abs());
            tokio::select! {
                () = tokio::time::sleep(wait) => {
                    let now = self.woken_at(due);
                    let mut counted = self.collector.take();
                    self.collector.look_at_lag(&mut counted, now).await;
                    self.turn(&mut progress, counted, now).await;
                }
                () = stop.cancelled() => {
                    let counted = self.collector.take();
                    return self.turn(&mut progress, counted, self.now()).await;
                }
            }
        }
    }

    /// When to write next.
    fn due_after(&self, now: Time) -> Time {
        let interval = self.interval_ms * MICROS_PER_MILLI;
        let next = (now.0.div_euclid(interval) + 1) * interval;
        Time(next).min(Step::TenSeconds.next_after(now))
    }

    /// The time after a wait. The timer may end a moment before the clock is there, and that moment must not be counted
    /// to the slot before.
    fn woken_at(&self, due: Time) -> Time {
        let now = self.now();
        if due.ms_since(now) < self.interval_ms {
            now.max(due)
        } else {
            // The clock was set back.
            now
        }
    }

    /// Writes what was counted until `now`, and what waits. There is no time limit: a write that was given up could be
    /// committed after a later one of the same slot. What is counted meanwhile is in the next turn.
    async fn turn(&self, progress: &mut Progress, mut counted: Sample, now: Time) {
        let from = std::mem::replace(&mut progress.from, now);
        counted.covered_ms = now.ms_since(from).max(0).unsigned_abs();
        let rows = progress.filling.add(from, &counted);
        self.figures.dropped.inc_by(progress.unwritten.add(rows));
        let written = write(&*self.store, &self.process, &mut progress.unwritten);
        match written.await {
            Ok(()) => progress.outage.worked(),
            Err(error) => {
                self.figures.failed.inc();
                progress.outage.failed(&error);
            }
        }
    }
}

/// Writes all rows that wait. Those that could not be written wait on.
async fn write(
    store: &dyn SampleStore,
    process: &str,
    unwritten: &mut Unwritten,
) -> Result<(), StoreError> {
    loop {
        let rows = unwritten.next();
        if rows.is_empty() {
            return Ok(());
        }
        store.write_samples(process, rows.clone()).await?;
        unwritten.written(&rows);
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;

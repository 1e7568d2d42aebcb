//! The display of a running load: a bar with live rates on a terminal, a plain line every few
//! seconds elsewhere, nothing with `--json` away from a terminal.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::pacing::Pace;
use super::recorder::Live;
use super::worker::Run;
use crate::cli::output;
use crate::observe::figures;

const REDRAW_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressDisplay {
    Bar,
    Lines,
    Silent,
}

impl ProgressDisplay {
    #[must_use]
    pub fn choose(json: bool) -> Self {
        match (std::io::stderr().is_terminal(), json) {
            (true, _) => Self::Bar,
            (false, false) => Self::Lines,
            (false, true) => Self::Silent,
        }
    }

    /// Shows a run until it is dropped.
    pub async fn show_run(self, run: Arc<Run>, pace: Pace) {
        let Some(every) = self.every() else { return };
        let started = Instant::now();
        let bar = self.bar(run_length(pace), "{bar:30} {msg}");
        let (mut before, mut looked) = (0, started);
        loop {
            tokio::time::sleep(every).await;
            let live = &run.recorder.live;
            let acknowledged = live.acknowledged.load(Ordering::Relaxed);
            let elapsed = started.elapsed();
            let rate = (acknowledged - before) as f64 / looked.elapsed().as_secs_f64();
            (before, looked) = (acknowledged, Instant::now());
            let text = describe(live, rate, elapsed);
            match &bar {
                Some(bar) => {
                    bar.set_position(match (pace.orders, pace.duration) {
                        (Some(_), _) => live.settled.load(Ordering::Relaxed),
                        (None, _) => figures::millis(elapsed),
                    });
                    bar.set_message(text);
                }
                None => output::remark(text),
            }
        }
    }

    /// Shows how many orders are delivered until it is dropped.
    pub async fn show_deliveries(self, expected: u64, seen: Arc<AtomicU64>) {
        let Some(every) = self.every() else { return };
        let bar = self.bar(
            Some(expected),
            "{bar:30} {pos} of {len} delivered, {elapsed}",
        );
        loop {
            tokio::time::sleep(every).await;
            let seen = seen.load(Ordering::Relaxed);
            match &bar {
                Some(bar) => bar.set_position(seen),
                None => output::remark(format!("{seen} of {expected} delivered")),
            }
        }
    }

    fn every(self) -> Option<Duration> {
        match self {
            Self::Bar => Some(REDRAW_EVERY),
            Self::Lines => Some(LINE_EVERY),
            Self::Silent => None,
        }
    }

    /// A bar that disappears when it is dropped.
    fn bar(self, length: Option<u64>, template: &str) -> Option<ClearedBar> {
        (self == Self::Bar).then(|| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ClearedBar(
                length
                    .map_or_else(ProgressBar::no_length, ProgressBar::new)
                    .with_style(style),
            )
        })
    }
}

struct ClearedBar(ProgressBar);

impl std::ops::Deref for ClearedBar {
    type Target = ProgressBar;
    fn deref(&self) -> &ProgressBar {
        &self.0
    }
}

impl Drop for ClearedBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn run_length(pace: Pace) -> Option<u64> {
    pace.orders.or_else(|| {
        pace.duration
            .and_then(|duration| u64::try_from(duration.as_millis()).ok())
    })
}

fn describe(live: &Live, rate: f64, elapsed: Duration) -> String {
    format!(
        "{:.0} s  {} acknowledged, {rate:.0}/s, {} shed, {} errors, {} under way",
        elapsed.as_secs_f64(),
        live.acknowledged.load(Ordering::Relaxed),
        live.sheds.load(Ordering::Relaxed),
        live.failures.load(Ordering::Relaxed),
        figures::left(
            live.offered.load(Ordering::Relaxed),
            live.settled.load(Ordering::Relaxed)
        ),
    )
}

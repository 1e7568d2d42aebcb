//! `waybill load`: sends orders, measures how they are taken, and says whether all went well.
//!
//! Owns one run from its arguments to its exit code. Other files: the schedule (`pacing`), the orders
//! (`factory`, `full_order`), one connection (`worker`), the meaning of an answer (`answer`), records
//! (`recorder`, `journal`, `timeline`), waiting for deliveries (`deliveries`), and output (`progress`,
//! `report`, `page` with its `chart`s).
//! Invariant: a failure that was not configured as expected makes the run fail, and slow answers are
//! never left out of the figures.

mod answer;
mod args;
mod chart;
mod deliveries;
mod factory;
mod full_order;
mod journal;
mod pacing;
mod page;
mod progress;
mod recorder;
mod report;
mod timeline;
mod worker;

#[cfg(test)]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{StreamExt as _, TryStreamExt as _};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use args::{LoadArgs, Plan};
pub use deliveries::Deliveries;
pub use factory::{Dialect, DraftOrder, OrderFactory, Shape, Skus, random_key};
pub use pacing::Pace;
pub use progress::ProgressDisplay;
pub use report::Report;
pub use worker::Policy;

use crate::cli::exit::Exit;
use crate::cli::output;
use crate::client::{Client, ClientError, Connection};
use crate::clock::Clock as _;
use deliveries::Wait;
use pacing::Schedule;
use recorder::Recorder;
use timeline::Sampling;
use worker::{Run, Worker};

/// How many connections are being opened at once; more would overflow the server's backlog.
const OPENING_AT_ONCE: usize = 64;
/// How long answers under way are waited for after Ctrl-C.
const AFTER_INTERRUPT: Duration = Duration::from_secs(5);
/// Files a process needs beside its connections.
const OTHER_FILES: u64 = 32;

/// # Errors
/// Why the run did not start; a run that started ends with its exit code.
pub async fn run(args: LoadArgs) -> Result<ExitCode, ClientError> {
    load(&args).await
}

async fn load(args: &LoadArgs) -> Result<ExitCode, ClientError> {
    let plan = args.plan()?;
    if let Some(path) = &args.report {
        page::check_writable(path)?;
    }
    let began = crate::clock::SystemClock.now_micros();
    let report = execute(
        &plan,
        args.client.client()?,
        ProgressDisplay::choose(args.client.json),
    )
    .await?;
    if args.client.json {
        output::json(&report.to_json());
    } else {
        output::line(report.to_string());
    }
    if let (Some(path), Some(timeline)) = (&args.report, &report.timeline) {
        let command = page::command_line(std::env::args());
        let began = waybill_domain::time::Time(began).to_string();
        page::write(path, &page::html(&report, timeline, &command, &began))?;
    }
    let ended = if report.is_success() {
        Exit::Done
    } else {
        Exit::Failed
    };
    Ok(ended.into())
}

impl Run {
    fn of(plan: &Plan, client: &Client) -> Result<Self, ClientError> {
        Ok(Self {
            target: client.target().clone(),
            uri: client.target().uri(plan.shape.dialect.path())?,
            authorization: client.authorization().clone(),
            schedule: Schedule::new(plan.pace),
            recorder: if plan.timeline {
                Recorder::with_intervals()
            } else {
                Recorder::default()
            },
            policy: plan.policy.clone(),
        })
    }
}

/// Does one run; other commands that need load call it too.
///
/// # Errors
/// The server is unreachable, the limit on open files is too low, or the journal cannot be written.
pub async fn execute(
    plan: &Plan,
    mut client: Client,
    progress: ProgressDisplay,
) -> Result<Report, ClientError> {
    enough_files(plan.connections)?;
    let delivered_before = match plan.wait_delivered {
        Some(_) => deliveries::delivered_count(&mut client).await?,
        None => None,
    };
    let (journal, writer) = plan
        .journal
        .as_deref()
        .map(journal::open)
        .transpose()?
        .unzip();
    let run = Arc::new(Run::of(plan, &client)?);
    let mut workers = open_connections(&run, plan).await?;
    workers
        .iter_mut()
        .for_each(|worker| worker.journal.clone_from(&journal));
    drop(journal);

    let started = Instant::now();
    run.schedule.start(started);
    let sampling = plan
        .timeline
        .then(|| Sampling::start(Arc::clone(&run), client.another()));
    let interrupted = drive(&run, workers, plan, progress).await;
    let ended = Instant::now();
    if let Some(writer) = writer {
        writer.close().await?;
    }
    let mut tally = run.recorder.take();
    let elapsed = tally
        .last_acknowledged
        .filter(|_| tally.failed() == 0 && tally.shed() == 0)
        .unwrap_or(ended)
        - started;
    let deliveries = match plan.wait_delivered {
        Some(limit) if !interrupted => {
            let wait = Wait {
                dialect: plan.shape.dialect,
                ids: std::mem::take(&mut tally.ids),
                delivered_before,
                last_acknowledged: tally.last_acknowledged.unwrap_or(ended),
                limit,
            };
            Some(wait_for_deliveries(wait, client, progress).await)
        }
        _ => None,
    };
    let timeline = match sampling {
        Some(sampling) => Some(sampling.finish().await),
        None => None,
    };
    Ok(Report {
        target: run.target.to_string(),
        seed: plan.seed,
        connections: plan.connections,
        rate_per_s: plan.pace.rate_per_s,
        elapsed,
        interrupted,
        planned: plan.pace.planned(),
        wants_deliveries: plan.wait_delivered.is_some(),
        tally,
        deliveries,
        timeline,
    })
}

/// Opens every connection before the clock starts, so that opening is not measured as latency.
async fn open_connections(run: &Arc<Run>, plan: &Plan) -> Result<Vec<Worker>, ClientError> {
    let open = |number: u64| async move {
        let mut connection = Connection::new(run.target.clone());
        connection.open().await?;
        Ok(Worker {
            number: usize::try_from(number).expect("there are at most 100,000 connections"),
            run: Arc::clone(run),
            connection,
            // Seeds far apart, so that no two connections make the same keys.
            factory: OrderFactory::new(
                plan.shape.clone(),
                plan.seed ^ (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            ),
            journal: None,
            remembered: Vec::new(),
        })
    };
    futures::stream::iter(0..plan.connections)
        .map(open)
        .buffer_unordered(OPENING_AT_ONCE)
        .try_collect()
        .await
}

/// Lets all connections work to the end of the schedule; whether Ctrl-C came first.
async fn drive(
    run: &Arc<Run>,
    workers: Vec<Worker>,
    plan: &Plan,
    progress: ProgressDisplay,
) -> bool {
    let shown = tokio::spawn(progress.show_run(Arc::clone(run), plan.pace));
    let mut working: JoinSet<()> = workers.into_iter().map(Worker::drive).collect();
    let interrupted = tokio::select! {
        () = all_done(&mut working) => false,
        Ok(()) = tokio::signal::ctrl_c() => {
            run.schedule.stop();
            // Waits for what is under way, then gives up on it: its outcome stays unknown.
            let _ = tokio::time::timeout(AFTER_INTERRUPT, all_done(&mut working)).await;
            working.abort_all();
            all_done(&mut working).await;
            true
        }
    };
    shown.abort();
    let _ = shown.await;
    interrupted
}

async fn all_done(working: &mut JoinSet<()>) {
    while working.join_next().await.is_some() {}
}

async fn wait_for_deliveries(wait: Wait, client: Client, progress: ProgressDisplay) -> Deliveries {
    let seen = Arc::default();
    let shown = tokio::spawn(progress.show_deliveries(wait.ids.len() as u64, Arc::clone(&seen)));
    let deliveries = wait.run(client, seen).await;
    shown.abort();
    let _ = shown.await;
    deliveries
}

/// Asks the system (where it says) whether so many connections may be open.
fn enough_files(connections: u64) -> Result<(), ClientError> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    match open_files_allowed(&limits) {
        Some(allowed) if allowed < connections + OTHER_FILES => Err(ClientError::TooManyFiles {
            allowed,
            connections,
        }),
        _ => Ok(()),
    }
}

/// The soft limit in the text of `/proc/self/limits`; `None` where it is unlimited or not said.
fn open_files_allowed(limits: &str) -> Option<u64> {
    limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

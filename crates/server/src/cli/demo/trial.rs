//! What both trials share: a folder for their files, the stock they sell, a bound on their time, and the result.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use waybill_store::verify::Report as Findings;

use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::seed::set_count;
use crate::client::{Client, ClientError};

/// Why a trial has no result.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Store(#[from] waybill_store::Error),
    #[error("the trial's own server did not start: {why}\n{said}")]
    Child { why: String, said: String },
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
    #[error("the trial did not end within {} s; this machine is too busy, or something hangs", .0.as_secs())]
    TooLong(Duration),
    #[error("stopped before the end; its server was stopped with it")]
    Interrupted,
}

impl TrialError {
    pub fn io(what: impl Display, source: std::io::Error) -> Self {
        Self::Io {
            what: what.to_string(),
            source,
        }
    }
}

/// What a trial found: as text, as JSON, and whether it passed.
pub struct Outcome {
    pub ok: bool,
    pub text: String,
    pub json: Value,
}

/// Runs a trial until its end, a timeout or a signal. Dropping the trial kills its server.
pub async fn bounded(
    limit: Duration,
    trial: impl Future<Output = Result<Outcome, TrialError>>,
) -> Result<Outcome, TrialError> {
    let hear = |kind| signal(kind).map_err(|source| TrialError::io("signals", source));
    let mut interrupt = hear(SignalKind::interrupt())?;
    let mut terminate = hear(SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::time::timeout(limit, trial) => ended.unwrap_or(Err(TrialError::TooLong(limit))),
        _ = interrupt.recv() => Err(TrialError::Interrupted),
        _ = terminate.recv() => Err(TrialError::Interrupted),
    }
}

/// Prints how a trial ended. Exit code 0 only if all is well.
pub fn settle(ended: Result<Outcome, TrialError>, json: bool) -> ExitCode {
    match ended {
        Ok(outcome) => {
            if json {
                output::json(&outcome.json);
            } else {
                output::line(outcome.text);
            }
            if outcome.ok {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => output::error_line("trial_failed", Exit::Failed, &error),
    }
}

/// A folder for the trial's own files; it is removed with the trial, unless it is kept for inspection.
pub struct Workspace {
    folder: PathBuf,
    keep: bool,
}

impl Workspace {
    /// In the machine's folder for temporary files, named for this process.
    pub fn new(trial: &str) -> Result<Self, TrialError> {
        let folder = std::env::temp_dir().join(format!("waybill-{trial}-{}", std::process::id()));
        // An existing folder is refused, because another user may have made it.
        std::fs::create_dir(&folder).map_err(|source| TrialError::io(folder.display(), source))?;
        Ok(Self {
            folder,
            keep: false,
        })
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Keeps the folder, so that a failure can be examined.
    pub fn keep(&mut self) -> &Path {
        self.keep = true;
        &self.folder
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if !self.keep {
            // If the removal fails, the files stay in the folder for temporary files.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Sets the stock of a trial's skus.
pub async fn stock(client: &mut Client, skus: &[String], units: u64) -> Result<(), TrialError> {
    let body = json!({"onHand": units, "reason": "demo"});
    for sku in skus {
        set_count(client, sku, &body).await?;
    }
    Ok(())
}

/// One line about what `verify` found.
pub fn verified(findings: &Findings) -> String {
    match findings.findings.first() {
        None => format!(
            "clean: {} events add up to {} orders",
            findings.counts.events, findings.counts.orders
        ),
        Some(first) => format!(
            "{} things do not add up; the first: {} {}: {}",
            findings.findings.len(),
            first.invariant,
            first.subject,
            first.detail
        ),
    }
}

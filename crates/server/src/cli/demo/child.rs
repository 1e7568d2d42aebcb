//! The server of a trial: this program as a child process, on a free port.
//!
//! Invariant: at most one child lives, none outlives the trial, and only the child is ever killed, by its handle.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::trial::TrialError;
use crate::client::{Client, Target};

/// How long a start may take, recovery included.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);
/// Bytes of the child's output that are shown when it does not start.
const SHOWN_BYTES: usize = 2_000;

/// The child, and what is needed to start it again.
pub struct Server {
    data: PathBuf,
    log: PathBuf,
    settings: Vec<String>,
    listen: String,
    ready: Option<ReadyLine>,
    child: Option<Child>,
}

/// What `demo --json` prints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadyLine {
    url: String,
    token_file: PathBuf,
}

impl Server {
    /// Not started yet. `settings` are `key=value`.
    pub fn new(data: &Path, log: &Path, settings: &[&str]) -> Self {
        Self {
            data: data.to_owned(),
            log: log.to_owned(),
            settings: settings.iter().map(ToString::to_string).collect(),
            listen: "127.0.0.1:0".into(),
            ready: None,
            child: None,
        }
    }

    /// Starts it and waits until it is ready; how long that took. The first start chooses the port, later ones
    /// keep it.
    pub async fn start(&mut self) -> Result<Duration, TrialError> {
        let begun = Instant::now();
        let mut child = self.spawn()?;
        let out = child.stdout.take();
        self.child = Some(child);
        let mut line = String::new();
        if let Some(out) = out {
            let read = timeout(READY_WITHIN, BufReader::new(out).read_line(&mut line)).await;
            if read.is_err() {
                let seconds = READY_WITHIN.as_secs();
                return Err(self.not_started(format!("it was not ready within {seconds} s")));
            }
        }
        let ready: ReadyLine = serde_json::from_str(&line)
            .map_err(|_| self.not_started("it stopped before it was ready".into()))?;
        self.listen = ready.url.trim_start_matches("http://").to_owned();
        self.ready = Some(ready);
        Ok(begun.elapsed())
    }

    fn spawn(&self) -> Result<Child, TrialError> {
        let cannot = |source| TrialError::io("this program, to start it as a server", source);
        let program = std::env::current_exe().map_err(cannot)?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(|source| TrialError::io(self.log.display(), source))?;
        let mut command = Command::new(program);
        command
            .args(["demo", "--json", "--listen", &self.listen, "--data"])
            .arg(&self.data)
            // A trial uses an embedded store of its own, also if the environment names a database.
            .args(["--set", "store.url="])
            .args(self.settings.iter().flat_map(|setting| ["--set", setting]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // A process group of its own, so that Ctrl-C reaches only the trial, which then kills the child.
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().map_err(cannot)
    }

    fn not_started(&self, why: String) -> TrialError {
        let said = std::fs::read(&self.log).unwrap_or_default();
        let said =
            String::from_utf8_lossy(&said[said.len().saturating_sub(SHOWN_BYTES)..]).into_owned();
        TrialError::Child { why, said }
    }

    /// kill -9, and waits until it is gone.
    pub async fn kill(&mut self) -> Result<(), TrialError> {
        match self.child.take() {
            Some(mut child) => child
                .kill()
                .await
                .map_err(|source| TrialError::io("the server, to kill it", source)),
            None => Ok(()),
        }
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        self.ready.as_ref().map_or("", |ready| &ready.url)
    }

    /// A client with the token that it left.
    pub fn client(&self) -> Result<Client, TrialError> {
        let file = self
            .ready
            .as_ref()
            .map_or(Path::new(""), |ready| &ready.token_file);
        let token = std::fs::read_to_string(file)
            .map_err(|source| TrialError::io(file.display(), source))?;
        Ok(Client::new(
            Target::parse(self.url())?,
            &token,
            ANSWER_WITHIN,
        )?)
    }
}

//! Kills or freezes one process of a server. When a backend is killed, the postmaster stays, ends every session and
//! recovers.
//!
//! Owns the choice of the victim and the wait for the recovery. Invariant: only a child of a server that we started is
//! killed; and what counts as recovered is what the server says in its log after the kill, not before it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::instance::Postgres;
use super::killed::children;

const BACK_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);
/// Said at the start, and again after each crash.
const READY: &str = "database system is ready to accept connections";

/// A backend that was killed.
#[derive(Debug, Clone, Copy)]
pub struct KilledBackend {
    /// How many sessions were in COMMIT when it was chosen.
    pub committing: usize,
    /// The time until the server accepted connections again.
    pub back_after: Duration,
}

impl Postgres {
    /// SIGKILL for one of the backends that a condition on `pg_stat_activity` chooses, and waits until the server has
    /// recovered from that; `None` when there is none.
    pub fn kill_backend(&self, condition: &str) -> Result<Option<KilledBackend>> {
        let log = self.log().context("it has no log")?;
        let parent = Pid::from_raw(self.pid()?).context("a process id is not zero")?;
        let before = times_ready(log)?;
        let of_clients = "backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let found = self.address().sql(
            None,
            &format!(
                "SELECT pid, (SELECT count(*) FROM pg_stat_activity WHERE {of_clients} AND state = 'active' AND query LIKE 'COMMIT%') \
                 FROM pg_stat_activity WHERE {of_clients} AND ({condition}) ORDER BY random() LIMIT 1"
            ),
        )?;
        let Some((pid, committing)) = found.split_once('|') else {
            return Ok(None);
        };
        let pid = Pid::from_raw(pid.parse()?).context("a process id is not zero")?;
        if !children(parent).contains(&pid) {
            // The backend ended after it was chosen.
            return Ok(None);
        }
        kill_process(pid, Signal::KILL)?;
        let began = Instant::now();
        while times_ready(log)? == before {
            ensure!(
                began.elapsed() < BACK_WITHIN,
                "it did not recover from the death of a backend"
            );
            std::thread::sleep(POLL);
        }
        Ok(Some(KilledBackend {
            committing: committing.parse()?,
            back_after: began.elapsed(),
        }))
    }
}

impl Postgres {
    /// SIGSTOP for the process that writes the log in the background: what was committed without waiting is then
    /// nowhere but in memory. Such a server is stopped with [`super::Mode::Killed`].
    pub fn freeze_wal_writer(&self) -> Result<()> {
        let parent = Pid::from_raw(self.pid()?).context("a process id is not zero")?;
        let found = self.address().sql(
            None,
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'",
        )?;
        let pid = Pid::from_raw(found.parse()?).context("a process id is not zero")?;
        ensure!(children(parent).contains(&pid), "it is not ours");
        Ok(kill_process(pid, Signal::STOP)?)
    }
}

fn times_ready(log: &Path) -> Result<usize> {
    let text = std::fs::read(log)?;
    let text = String::from_utf8_lossy(&text);
    Ok(text.matches(READY).count())
}

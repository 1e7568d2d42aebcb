//! The writer's thread: owns the only writing connection and commits waiting jobs together.
//!
//! Invariant: a job is answered after the COMMIT of its round has returned, or not at all. A job that fails does not
//! make others fail; an error that ends the transaction fails the whole round.

use super::checkpoint::Checkpoints;
use super::errors::translate;
use super::jobs::{Job, JobQueue, Ran};
use super::schedule::{Class, Schedule};
use super::tx::{Counters, Tx, write_counters};
use crate::error::{Error, Result};
use crate::outage::Outage;
use crate::packed::LogForm;
use crate::traits::{CommitListener, Now};
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use waybill_domain::event::LoggedEvent;

/// A round takes no further job after this long, so that the results of its first jobs are not delayed.
const ROUND: Duration = Duration::from_millis(8);

/// Called when it is unknown whether a commit is durable. The process must stop without another answer.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// What the writer thread needs.
pub struct Setup {
    pub connection: Connection,
    pub counters: Counters,
    pub log_form: LogForm,
    pub schedule: Schedule,
    pub checkpoints: Checkpoints,
    pub listener: Arc<dyn CommitListener>,
    pub now: Now,
    pub on_fatal: OnFatal,
}

/// The thread that owns the writing connection.
pub struct Thread {
    jobs: Arc<JobQueue>,
    setup: Setup,
    events: Vec<LoggedEvent>,
    outage: Outage,
}

impl Thread {
    /// A thread that is not yet running.
    pub fn new(jobs: Arc<JobQueue>, setup: Setup) -> Self {
        Self {
            jobs,
            setup,
            events: vec![],
            outage: Outage::new("the writer", "a transaction was rolled back"),
        }
    }

    /// Runs until the queue is closed and empty.
    pub fn run(&mut self) {
        while let Some((class, first)) = self.jobs.wait(&mut self.setup.schedule) {
            self.round(class, first);
            if let Err(error) = self.setup.checkpoints.after_commit(&self.setup.connection) {
                self.fatal(&format!("a checkpoint could not be synced: {error}"));
            }
        }
        self.setup.checkpoints.at_close(&self.setup.connection);
    }

    /// Runs one transaction. It is tried without savepoints; if a job fails, the same jobs run again with savepoints,
    /// so that only that job fails.
    fn round(&mut self, class: Class, first: Box<dyn Job>) {
        let before = self.setup.counters;
        let ran = match self.begin() {
            Ok(()) => self.run_jobs(class, first),
            Err(error) => return first.answer(Err(error)),
        };
        if self.setup.connection.is_autocommit() {
            return self.transaction_is_gone(ran, before);
        }
        if ran.iter().all(|(_, outcome)| outcome.is_ok()) {
            return self.commit(ran, before);
        }
        if let Err(error) = self.start_over(before) {
            return self.all_fail(ran, &error);
        }
        let ran = self.run_again(ran);
        if self.setup.connection.is_autocommit() {
            return self.transaction_is_gone(ran, before);
        }
        self.commit(ran, before);
    }

    fn begin(&mut self) -> Result<()> {
        self.events.clear();
        let begun = self.setup.connection.execute_batch("BEGIN IMMEDIATE");
        begun.map_err(translate)
    }

    fn start_over(&mut self, before: Counters) -> Result<()> {
        self.setup.counters = before;
        self.setup
            .connection
            .execute_batch("ROLLBACK")
            .map_err(translate)?;
        self.begin()
    }

    /// Runs jobs without savepoints until the round takes no further one, or a job fails.
    fn run_jobs(&mut self, mut class: Class, mut job: Box<dyn Job>) -> Vec<Ran> {
        let started = Instant::now();
        let mut ran: Vec<Ran> = vec![];
        let mut foreground_ran = false;
        loop {
            let job_started = Instant::now();
            let outcome = self.run_job(&mut job, false);
            self.setup.schedule.ran(class, job_started.elapsed());
            foreground_ran |= class == Class::Foreground;
            let failed = outcome.is_err();
            ran.push((job, outcome));
            if failed || started.elapsed() >= ROUND {
                return ran;
            }
            match self.jobs.next(&self.setup.schedule, foreground_ran) {
                Some(next) => (class, job) = next,
                None => return ran,
            }
        }
    }

    /// Runs the same jobs again, each in a savepoint of its own.
    fn run_again(&mut self, ran: Vec<Ran>) -> Vec<Ran> {
        let mut again = Vec::with_capacity(ran.len());
        for (mut job, _) in ran {
            let gone = self.setup.connection.is_autocommit();
            let outcome = if gone {
                Ok(())
            } else {
                self.run_job(&mut job, true)
            };
            again.push((job, outcome));
        }
        again
    }

    fn run_job(&mut self, job: &mut Box<dyn Job>, careful: bool) -> Result<()> {
        let mut tx = Tx {
            connection: &self.setup.connection,
            counters: &mut self.setup.counters,
            events: &mut self.events,
            log_form: self.setup.log_form,
            now: (self.setup.now)(),
            careful,
        };
        tx.run_unit(|tx| job.run(tx))
    }

    /// A full disk and I/O errors roll everything back, savepoints too: no job of this round was committed.
    fn transaction_is_gone(&mut self, ran: Vec<Ran>, before: Counters) {
        self.setup.counters = before;
        let cause = ran
            .iter()
            .rev()
            .find_map(|(_, outcome)| outcome.as_ref().err().cloned());
        let cause = cause.unwrap_or(Error::unavailable("the transaction was rolled back"));
        self.all_fail(ran, &cause);
    }

    fn all_fail(&mut self, ran: Vec<Ran>, cause: &Error) {
        self.events.clear();
        self.outage.failed(cause);
        for (job, _) in ran {
            job.answer(Err(cause.clone()));
        }
    }

    fn commit(&mut self, ran: Vec<Ran>, before: Counters) {
        let written = write_counters(&self.setup.connection, &before, &self.setup.counters);
        #[cfg(feature = "planted-defects")]
        let ran = super::defects::answer_early(ran);
        let committed = written.and_then(|()| self.setup.connection.execute_batch("COMMIT"));
        if let Err(error) = committed {
            return self.commit_failed(error, ran, before);
        }
        self.outage.worked();
        for (job, outcome) in ran {
            job.answer(outcome);
        }
        if !self.events.is_empty() {
            let events: Arc<[LoggedEvent]> = self.events.drain(..).collect();
            self.setup.listener.committed(&events);
        }
    }

    fn commit_failed(&mut self, error: rusqlite::Error, ran: Vec<Ran>, before: Counters) {
        // SQLite reports a full disk before it writes the commit frame. After any other disk error it is unknown what
        // was written.
        let full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        if !full && error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            std::mem::forget(ran);
            return self.fatal(&format!("a commit could not be written: {error}"));
        }
        if !self.setup.connection.is_autocommit()
            && let Err(rollback) = self.setup.connection.execute_batch("ROLLBACK")
        {
            return self.fatal(&format!("could not roll back after {error}: {rollback}"));
        }
        let cause = if full {
            Error::DiskFull
        } else {
            Error::unavailable(error.to_string()).because(error)
        };
        let failed = ran
            .into_iter()
            .map(|(job, _)| (job, Err(cause.clone())))
            .collect();
        self.transaction_is_gone(failed, before);
    }

    fn fatal(&self, why: &str) {
        tracing::error!(
            why,
            "durability is in doubt; stopping without another answer"
        );
        (self.setup.on_fatal)(why);
    }
}

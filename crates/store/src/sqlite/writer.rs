//! The writer: one thread that owns the only writing connection and commits waiting jobs together.
//!
//! Invariant: a job is answered after the COMMIT of its round has returned, or not at all. Each job runs in a
//! savepoint, so that one that fails takes nobody along; an error that ends the transaction fails the round.

use super::checkpoint::Checkpoints;
use super::errors::{IntoStore, translate};
use super::schedule::{Class, Schedule};
use crate::error::{Error, Result};
use crate::store::{CommitListener, Now};
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, ErrorCode};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use waybill_domain::event::LoggedEvent;
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;

/// A round takes no further job after this long, so that its answers are not kept waiting.
const ROUND: Duration = Duration::from_millis(8);

/// What is told when durability itself is in doubt. The process must stop and answer nobody.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Counters of the store, cached here and written with every round that moved them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The last position given in the log.
    pub position: i64,
    /// The last readable number given, and the end of the block that is reserved on disk.
    pub number: i64,
    pub number_block: i64,
    /// Rows in `parked`; while there are none, nobody need look.
    pub parked: i64,
    pub by_status: [i64; OrderStatus::ALL.len()],
}

/// The transaction of a round, as a job sees it.
pub struct Tx<'a> {
    pub connection: &'a Connection,
    pub counters: &'a mut Counters,
    /// Events this round appends to the log.
    pub events: &'a mut Vec<LoggedEvent>,
    pub now: Time,
}

impl Tx<'_> {
    /// Runs one statement, prepared once; says how many rows it changed.
    pub fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize> {
        self.connection
            .prepare_cached(sql)
            .store()?
            .execute(params)
            .store()
    }

    /// Runs `work` in a savepoint: all of it stays or none. A transaction that is gone stays gone.
    pub fn savepoint<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let (counters, events) = (*self.counters, self.events.len());
        self.execute("SAVEPOINT unit", [])?;
        // A panic is a defect of one unit; it must not end the thread that everybody waits for.
        let done = catch_unwind(AssertUnwindSafe(|| work(self)));
        let done = done.unwrap_or_else(|_| Err(Error::Refused("the decision panicked".into())));
        let kept = done.and_then(|value| self.execute("RELEASE unit", []).map(|_| value));
        if kept.is_err() {
            *self.counters = counters;
            self.events.truncate(events);
            self.undo_unit()?;
        }
        kept
    }

    /// Undoes the innermost savepoint. If even that fails, nothing of the transaction may stay.
    fn undo_unit(&self) -> Result<()> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        let undone = self.execute("ROLLBACK TO unit", []);
        let undone = undone.and_then(|_| self.execute("RELEASE unit", []));
        undone.map(|_| ()).inspect_err(|_| {
            // Whether it is gone is what the round asks next.
            let _ = self.connection.execute_batch("ROLLBACK");
        })
    }
}

/// Something to be done in a round.
trait Job: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()>;
    fn answer(self: Box<Self>, outcome: Result<()>);
}

struct TypedJob<F, T> {
    work: F,
    done: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Job for TypedJob<F, T>
where
    F: FnMut(&mut Tx<'_>) -> Result<T> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.done = Some((self.work)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<()>) {
        let Self { done, reply, .. } = *self;
        let answer =
            outcome.and_then(|()| done.ok_or(Error::Unavailable("the job was not run".into())));
        // Nobody is there any more when the caller has gone; what was committed stays committed.
        let _ = reply.send(answer);
    }
}

#[derive(Default)]
struct Queues {
    foreground: VecDeque<Box<dyn Job>>,
    background: VecDeque<Box<dyn Job>>,
    closing: bool,
}

struct Shared {
    queues: Mutex<Queues>,
    waiting: Condvar,
    limit: usize,
}

/// The handle by which jobs are submitted.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// What the writer thread needs.
pub struct Setup {
    pub connection: Connection,
    pub counters: Counters,
    pub schedule: Schedule,
    pub checkpoints: Checkpoints,
    pub listener: Arc<dyn CommitListener>,
    pub now: Now,
    pub on_fatal: OnFatal,
    pub queue_limit: usize,
}

impl Writer {
    /// Starts the thread.
    pub fn start(setup: Setup) -> Result<Self> {
        let shared = Arc::new(Shared {
            queues: Mutex::default(),
            waiting: Condvar::new(),
            limit: setup.queue_limit,
        });
        let mut thread = Thread {
            shared: shared.clone(),
            setup,
            events: vec![],
        };
        let handle = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.run());
        let handle = handle.map_err(|e| Error::Open {
            what: "cannot start the writer".into(),
            detail: e.to_string(),
        })?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(handle)),
        })
    }

    /// Submits work and waits until it is durable, or refused.
    pub async fn submit<T, F>(&self, class: Class, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        {
            let mut queues = self.shared.queues.lock();
            if queues.closing {
                return Err(Error::Unavailable("the store is closing".into()));
            }
            let queue = match class {
                Class::Foreground => &mut queues.foreground,
                Class::Background => &mut queues.background,
            };
            if queue.len() >= self.shared.limit {
                return Err(Error::Busy("too many writes are waiting"));
            }
            queue.push_back(Box::new(TypedJob {
                work,
                done: None,
                reply,
            }));
        }
        self.shared.waiting.notify_one();
        answer.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    /// How many jobs wait: foreground, background.
    pub fn waiting(&self) -> (usize, usize) {
        let queues = self.shared.queues.lock();
        (queues.foreground.len(), queues.background.len())
    }

    /// Finishes what waits and ends the thread.
    pub fn close(&self) {
        self.shared.queues.lock().closing = true;
        self.shared.waiting.notify_all();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread had panicked");
        }
    }
}

struct Thread {
    shared: Arc<Shared>,
    setup: Setup,
    events: Vec<LoggedEvent>,
}

type Ran = (Box<dyn Job>, Result<()>);

impl Thread {
    fn run(&mut self) {
        while let Some((class, first)) = self.wait() {
            self.round(class, first);
            if let Err(error) = self.setup.checkpoints.after_commit(&self.setup.connection) {
                self.fatal(&format!("a checkpoint could not be synced: {error}"));
            }
        }
        self.setup.checkpoints.at_close(&self.setup.connection);
    }

    fn wait(&self) -> Option<(Class, Box<dyn Job>)> {
        let mut queues = self.shared.queues.lock();
        loop {
            if let Some(next) = take(&mut queues, &self.setup.schedule) {
                return Some(next);
            }
            if queues.closing {
                return None;
            }
            self.shared.waiting.wait(&mut queues);
        }
    }

    /// The next job of this round: whatever is owed or waits, until the round has lasted long enough.
    fn next(&self, started: Instant, foreground_ran: bool) -> Option<(Class, Box<dyn Job>)> {
        if started.elapsed() >= ROUND {
            return None;
        }
        let mut queues = self.shared.queues.lock();
        let answers_wait = foreground_ran && queues.foreground.is_empty();
        if answers_wait && !self.setup.schedule.owes_background() {
            return None;
        }
        take(&mut queues, &self.setup.schedule)
    }

    fn round(&mut self, mut class: Class, mut job: Box<dyn Job>) {
        let before = self.setup.counters;
        self.events.clear();
        if let Err(error) = self.setup.connection.execute_batch("BEGIN IMMEDIATE") {
            job.answer(Err(translate(error)));
            return;
        }
        let started = Instant::now();
        let mut ran: Vec<Ran> = vec![];
        let mut foreground_ran = false;
        loop {
            let job_started = Instant::now();
            let mut tx = Tx {
                connection: &self.setup.connection,
                counters: &mut self.setup.counters,
                events: &mut self.events,
                now: (self.setup.now)(),
            };
            let outcome = tx.savepoint(|tx| job.run(tx));
            self.setup.schedule.ran(class, job_started.elapsed());
            foreground_ran |= class == Class::Foreground;
            ran.push((job, outcome));
            if self.setup.connection.is_autocommit() {
                return self.transaction_is_gone(ran, before);
            }
            match self.next(started, foreground_ran) {
                Some(next) => (class, job) = next,
                None => break,
            }
        }
        self.commit(ran, before);
    }

    /// Disk full and I/O errors roll everything back, savepoints too: nobody of this round was done.
    fn transaction_is_gone(&mut self, ran: Vec<Ran>, before: Counters) {
        self.setup.counters = before;
        let cause = ran
            .iter()
            .rev()
            .find_map(|(_, outcome)| outcome.as_ref().err().cloned());
        let cause = cause.unwrap_or(Error::Unavailable("the transaction was rolled back".into()));
        tracing::warn!(error = %cause, jobs = ran.len(), "a round was rolled back");
        for (job, _) in ran {
            job.answer(Err(cause.clone()));
        }
    }

    fn commit(&mut self, ran: Vec<Ran>, before: Counters) {
        let written = write_counters(&self.setup.connection, &before, &self.setup.counters);
        #[cfg(feature = "planted-defects")]
        let ran = answer_early(ran);
        let committed = written.and_then(|()| self.setup.connection.execute_batch("COMMIT"));
        if let Err(error) = committed {
            return self.commit_failed(&error, ran, before);
        }
        for (job, outcome) in ran {
            job.answer(outcome);
        }
        if !self.events.is_empty() {
            let events: Arc<[LoggedEvent]> = self.events.drain(..).collect();
            self.setup.listener.committed(&events);
        }
    }

    fn commit_failed(&mut self, error: &rusqlite::Error, ran: Vec<Ran>, before: Counters) {
        // Not enough room is found out before the commit frame is written. After any other failure of the
        // disk nobody can say what is on it.
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
            Error::Unavailable(error.to_string())
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

fn take(queues: &mut Queues, schedule: &Schedule) -> Option<(Class, Box<dyn Job>)> {
    let class = schedule.next(!queues.foreground.is_empty(), !queues.background.is_empty())?;
    let queue = match class {
        Class::Foreground => &mut queues.foreground,
        Class::Background => &mut queues.background,
    };
    queue.pop_front().map(|job| (class, job))
}

fn write_counters(
    connection: &Connection,
    before: &Counters,
    after: &Counters,
) -> rusqlite::Result<()> {
    let write = |name: &str, before: i64, after: i64| -> rusqlite::Result<()> {
        if before != after {
            connection.prepare_cached("INSERT INTO counters (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")?.execute((name, after))?;
        }
        Ok(())
    };
    write("position", before.position, after.position)?;
    write("number", before.number_block, after.number_block)?;
    for (status, (before, after)) in OrderStatus::ALL
        .iter()
        .zip(before.by_status.iter().zip(&after.by_status))
    {
        write(status.as_str(), *before, *after)?;
    }
    Ok(())
}

/// Whether a test planted the defect of this name (test-only builds).
#[cfg(feature = "planted-defects")]
pub fn defect(name: &str) -> bool {
    std::env::var("WAYBILL_TEST_DEFECT").is_ok_and(|planted| planted == name)
}

/// The planted defect that kills must reveal: answers sent before the commit.
#[cfg(feature = "planted-defects")]
fn answer_early(ran: Vec<Ran>) -> Vec<Ran> {
    if !defect("answer_before_commit") {
        return ran;
    }
    for (job, outcome) in ran {
        job.answer(outcome);
    }
    // Wide enough that a kill falls into it.
    std::thread::sleep(Duration::from_millis(5));
    vec![]
}

//! The writer's handle: jobs wait here, in two classes, until its thread takes them.

use super::rounds::{Setup, Thread};
use super::schedule::{Class, LULL, Schedule};
use super::tx::Tx;
use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// Something to be done in a round.
pub trait Job: Send {
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

/// What the handle and the thread share.
pub struct Shared {
    queues: Mutex<Queues>,
    waiting: Condvar,
    limit: usize,
}

/// A job and what became of it.
pub type Ran = (Box<dyn Job>, Result<()>);

impl Shared {
    /// The next job, whoever's turn it is; waits for one. `None` when the writer is to end.
    pub fn wait(&self, schedule: &mut Schedule) -> Option<(Class, Box<dyn Job>)> {
        let mut queues = self.queues.lock();
        loop {
            if let Some(next) = queues.take(schedule) {
                return Some(next);
            }
            let nothing_waits = queues.background.is_empty();
            if queues.closing && nothing_waits {
                return None;
            }
            let since = Instant::now();
            if nothing_waits {
                self.waiting.wait(&mut queues);
            } else {
                self.waiting.wait_for(&mut queues, LULL);
            }
            schedule.idled(since.elapsed());
        }
    }

    /// The next job of a round that goes on: whatever waits or is owed, but nobody's answer waits for what is neither.
    pub fn next(&self, schedule: &Schedule, foreground_ran: bool) -> Option<(Class, Box<dyn Job>)> {
        let mut queues = self.queues.lock();
        let answers_wait = foreground_ran && queues.foreground.is_empty();
        if answers_wait && !schedule.owes_background() {
            return None;
        }
        queues.take(schedule)
    }
}

impl Queues {
    fn take(&mut self, schedule: &Schedule) -> Option<(Class, Box<dyn Job>)> {
        let class = schedule.next(!self.foreground.is_empty(), !self.background.is_empty())?;
        let queue = match class {
            Class::Foreground => &mut self.foreground,
            Class::Background => &mut self.background,
        };
        queue.pop_front().map(|job| (class, job))
    }
}

/// The handle by which jobs are submitted.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(setup: Setup, queue_limit: usize) -> Result<Self> {
        let shared = Arc::new(Shared {
            queues: Mutex::default(),
            waiting: Condvar::new(),
            limit: queue_limit,
        });
        let mut thread = Thread::new(shared.clone(), setup);
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

/// A store that is dropped is closed, before the lock on its folder is let go of: what still waits must not be
/// written beside the next one who opens it.
impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

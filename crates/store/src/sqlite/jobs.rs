//! The queue of jobs for the writer's thread, in two classes.

use super::schedule::{Class, LULL, Schedule};
use super::tx::Tx;
use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Instant;
use tokio::sync::oneshot;

/// Work for one round of the writer, and the answer to its caller.
pub trait Job: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()>;
    fn answer(self: Box<Self>, outcome: Result<()>);
}

/// Work whose result is sent to a waiting caller.
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
        let answer = outcome.and_then(|()| done.ok_or(Error::unavailable("the job was not run")));
        // No error: the caller may have gone; the commit stands.
        let _ = reply.send(answer);
    }
}

#[derive(Default)]
struct Queues {
    foreground: VecDeque<Box<dyn Job>>,
    background: VecDeque<Box<dyn Job>>,
    closing: bool,
}

/// The jobs that wait for the writer. [`Writer`](super::writer) adds them and its thread takes them.
pub struct JobQueue {
    queues: Mutex<Queues>,
    waiting: Condvar,
    limit: usize,
}

/// A job and its result.
pub type Ran = (Box<dyn Job>, Result<()>);

impl JobQueue {
    /// An empty queue that takes at most `limit` jobs of each class.
    pub fn new(limit: usize) -> Self {
        Self {
            queues: Mutex::default(),
            waiting: Condvar::new(),
            limit,
        }
    }

    /// Adds work; its result arrives at the receiver once it is durable.
    ///
    /// # Errors
    /// The queue of the class is full, or the writer is closing.
    pub fn push<T, F>(&self, class: Class, work: F) -> Result<oneshot::Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let mut queues = self.queues.lock();
        if queues.closing {
            return Err(Error::unavailable("the store is closing"));
        }
        let queue = match class {
            Class::Foreground => &mut queues.foreground,
            Class::Background => &mut queues.background,
        };
        if queue.len() >= self.limit {
            return Err(Error::busy("too many writes are waiting"));
        }
        queue.push_back(Box::new(TypedJob {
            work,
            done: None,
            reply,
        }));
        drop(queues);
        self.waiting.notify_one();
        Ok(answer)
    }

    /// The number of jobs that wait: foreground, background.
    pub fn lengths(&self) -> (usize, usize) {
        let queues = self.queues.lock();
        (queues.foreground.len(), queues.background.len())
    }

    /// Refuses further jobs; the thread ends when it has run the waiting ones.
    pub fn close(&self) {
        self.queues.lock().closing = true;
        self.waiting.notify_all();
    }

    /// Waits for the next job, of the class that the schedule chooses. `None` once the queue is closed and empty.
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

    /// The next job of a round that goes on. `None` when nothing waits, or when only background work that is not yet due
    /// would delay answers.
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

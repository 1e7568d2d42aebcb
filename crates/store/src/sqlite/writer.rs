//! The writer's handle: passes jobs to its thread and waits until they are durable.

use super::jobs::JobQueue;
use super::rounds::{Setup, Thread};
use super::schedule::Class;
use super::tx::Tx;
use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::sync::Arc;

/// The handle by which jobs are submitted.
pub struct Writer {
    jobs: Arc<JobQueue>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(setup: Setup, queue_limit: usize) -> Result<Self> {
        let jobs = Arc::new(JobQueue::new(queue_limit));
        let mut thread = Thread::new(jobs.clone(), setup);
        let handle = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.run());
        let handle =
            handle.map_err(|e| Error::open("cannot start the writer", e.to_string()).because(e))?;
        Ok(Self {
            jobs,
            thread: Mutex::new(Some(handle)),
        })
    }

    /// Submits work and waits until it is durable, or refused.
    pub async fn submit<T, F>(&self, class: Class, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let answer = self.jobs.push(class, work)?;
        answer.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    /// The number of jobs that wait: foreground, background.
    pub fn waiting(&self) -> (usize, usize) {
        self.jobs.lengths()
    }

    /// Runs the waiting jobs and ends the thread.
    pub fn close(&self) {
        self.jobs.close();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the writer thread had panicked");
        }
    }
}

/// A store that is dropped is closed before the lock on its folder is released: jobs that still wait must not be written
/// beside the process that opens the folder next.
impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

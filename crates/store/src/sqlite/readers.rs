//! The readers: a few connections, each with its thread, which share one bounded queue. Each job sees one snapshot.

use super::connection::{Options, open_reader};
use super::errors::IntoStore;
use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use rusqlite::Connection;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::oneshot;

/// Lets the writer hold readers back for a moment, so that no snapshot keeps the log from being reused.
#[derive(Default)]
pub struct Gate(RwLock<()>);

impl Gate {
    /// Waits until the running reads have ended, and holds back new ones until the guard is dropped.
    pub fn hold(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write()
    }

    fn pass(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read()
    }
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closing: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    waiting: Condvar,
    limit: usize,
    busy: AtomicUsize,
    gate: Arc<Gate>,
}

/// The handle by which reads are made.
pub struct Readers {
    shared: Arc<Shared>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    count: usize,
}

impl Readers {
    /// Opens the connections and starts their threads.
    pub fn start(options: &Options, gate: Arc<Gate>) -> Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            waiting: Condvar::new(),
            limit: options.reader_queue,
            busy: AtomicUsize::new(0),
            gate,
        });
        let count = options.reader_connections.max(1);
        let mut threads = vec![];
        for index in 0..count {
            #[cfg_attr(not(feature = "conformance"), expect(unused_mut))]
            let mut connection = open_reader(&options.directory)?;
            #[cfg(feature = "conformance")]
            super::observe::watch(&mut connection)?;
            let shared = shared.clone();
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{index}"))
                .spawn(move || work(&shared, &connection));
            threads.push(
                thread
                    .map_err(|e| Error::open("cannot start a reader", e.to_string()).because(e))?,
            );
        }
        Ok(Self {
            shared,
            threads: Mutex::new(threads),
            count,
        })
    }

    /// Runs `read` on one snapshot.
    pub async fn read<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A read whose caller has gone is skipped.
            if !reply.is_closed() {
                let _ = reply.send(snapshot(connection, read));
            }
        });
        {
            let mut queue = self.shared.queue.lock();
            if queue.closing {
                return Err(Error::unavailable("the store is closing"));
            }
            if queue.jobs.len() >= self.shared.limit {
                return Err(Error::busy("too many reads are waiting"));
            }
            queue.jobs.push_back(job);
        }
        self.shared.waiting.notify_one();
        answer
            .await
            .unwrap_or(Err(Error::unavailable("the reader thread has ended")))
    }

    /// Connections, and how many of them are idle.
    pub fn counts(&self) -> (usize, usize) {
        let busy = self.shared.busy.load(Ordering::Relaxed);
        // No error: both numbers change while they are read.
        (self.count, self.count.saturating_sub(busy))
    }

    /// Runs the waiting reads and ends the threads.
    pub fn close(&self) {
        self.shared.queue.lock().closing = true;
        self.shared.waiting.notify_all();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader thread had panicked");
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.close();
    }
}

fn work(shared: &Shared, connection: &Connection) {
    loop {
        let job = {
            let mut queue = shared.queue.lock();
            loop {
                if let Some(job) = queue.jobs.pop_front() {
                    break job;
                }
                if queue.closing {
                    return;
                }
                shared.waiting.wait(&mut queue);
            }
        };
        shared.busy.fetch_add(1, Ordering::Relaxed);
        {
            let _passed = shared.gate.pass();
            // A read that panics fails alone: its caller gets an error, and the thread continues.
            let survived = catch_unwind(AssertUnwindSafe(|| job(connection))).is_ok();
            if !survived && !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
        }
        shared.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn snapshot<T>(connection: &Connection, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    connection
        .prepare_cached("BEGIN DEFERRED")
        .store()?
        .execute([])
        .store()?;
    let result = read(connection);
    let ended = connection
        .prepare_cached("COMMIT")
        .store()
        .and_then(|mut s| s.execute([]).store());
    if ended.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    result
}

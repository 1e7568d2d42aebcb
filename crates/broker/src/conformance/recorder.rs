//! A receiver that keeps what it was given.

use crate::message::{Message, Topic};
use crate::receiver::{JsonObject, NotFetched, Received, Receiver};
use crate::wire::Unreadable;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use waybill_domain::event::Aggregate;

/// How long a case waits for what it expects.
pub const PATIENCE: Duration = Duration::from_secs(150);

/// Keeps, for each aggregate, the numbers in the order in which they first came.
pub struct Recorder {
    consumer: &'static str,
    taken: Mutex<BTreeMap<Aggregate, Vec<Message>>>,
    unreadable: Mutex<Vec<Unreadable>>,
    /// Messages that were handed over, repeated ones too.
    handed: AtomicUsize,
    largest: AtomicUsize,
    /// While it is set nothing is taken.
    closed: AtomicBool,
    /// While it is set, a call does not return.
    stuck: AtomicBool,
    changed: Notify,
}

impl Recorder {
    /// One that takes everything, for the topic of orders.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            consumer: "suite",
            taken: Mutex::default(),
            unreadable: Mutex::default(),
            handed: AtomicUsize::new(0),
            largest: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            changed: Notify::new(),
        })
    }

    /// From now on nothing is taken, or everything again.
    pub fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// From now on calls do not return, or all return.
    pub fn hold(&self, stuck: bool) {
        self.stuck.store(stuck, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Messages taken for the first time.
    pub fn count(&self) -> usize {
        self.taken.lock().values().map(Vec::len).sum()
    }

    /// Messages that were handed over, repeated ones too.
    pub fn handed(&self) -> usize {
        self.handed.load(Ordering::SeqCst)
    }

    /// The largest number of messages handed over in one call.
    pub fn largest(&self) -> usize {
        self.largest.load(Ordering::SeqCst)
    }

    pub fn unreadable(&self) -> Vec<Unreadable> {
        self.unreadable.lock().clone()
    }

    pub fn taken(&self) -> BTreeMap<Aggregate, Vec<Message>> {
        self.taken.lock().clone()
    }

    /// Waits until `done`.
    ///
    /// # Errors
    /// It was not within `PATIENCE`; says what was there.
    pub async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if done(self) {
                    return;
                }
                changed.await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.map_err(|_| {
            format!(
                "{what}: not within {} s; {} taken, {} handed over, {} unreadable",
                PATIENCE.as_secs(),
                self.count(),
                self.handed(),
                self.unreadable().len()
            )
        })
    }

    /// Holds what was taken against what was published: everything, once, in order per aggregate.
    ///
    /// # Errors
    /// What is missing or out of order.
    pub fn check(&self, published: &[Message]) -> Result<(), String> {
        let mut expected: BTreeMap<Aggregate, Vec<i64>> = BTreeMap::new();
        for message in published {
            let event = &message.event.event;
            expected.entry(event.aggregate).or_default().push(event.seq);
        }
        let taken = self.taken.lock();
        for (aggregate, expected) in expected {
            let found = taken.get(&aggregate).map_or(&[][..], Vec::as_slice);
            let found: Vec<i64> = found.iter().map(|m| m.event.event.seq).collect();
            if found != expected {
                return Err(format!(
                    "{aggregate:?}: {expected:?} was published, {found:?} came"
                ));
            }
        }
        Ok(())
    }

    async fn not_stuck(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.stuck.load(Ordering::SeqCst) {
                return;
            }
            changed.await;
        }
    }
}

#[async_trait]
impl Receiver for Recorder {
    fn consumer(&self) -> &'static str {
        self.consumer
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::Orders]
    }

    async fn receive(&self, messages: Vec<Message>) -> Vec<Received> {
        self.handed.fetch_add(messages.len(), Ordering::SeqCst);
        self.largest.fetch_max(messages.len(), Ordering::SeqCst);
        self.changed.notify_waiters();
        self.not_stuck().await;
        let results = if self.closed.load(Ordering::SeqCst) {
            vec![Received::Later("the recorder is closed".into()); messages.len()]
        } else {
            let mut taken = self.taken.lock();
            let results = vec![Received::Taken; messages.len()];
            for message in messages {
                let event = &message.event.event;
                let known = taken.entry(event.aggregate).or_default();
                if !known.iter().any(|k| k.event.event.seq == event.seq) {
                    known.push(message);
                }
            }
            results
        };
        self.changed.notify_waiters();
        results
    }

    async fn keep_unreadable(&self, unreadable: Unreadable) -> Received {
        self.unreadable.lock().push(unreadable);
        self.changed.notify_waiters();
        Received::Taken
    }

    async fn fetch(&self, _: &Message, dataref: &str) -> Result<JsonObject, NotFetched> {
        Ok([("fetched".to_owned(), dataref.into())]
            .into_iter()
            .collect())
    }
}

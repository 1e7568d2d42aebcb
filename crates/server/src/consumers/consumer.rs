//! The consumer loop: read the log past the cursor, have the batch decided and written with the cursor in one
//! transaction.
//!
//! Invariant: the events of an order are applied in the order of the log, each once. An error of the store (it is
//! unavailable) stops the consumer and costs no attempts. An error of an event parks the event's order, so that other
//! orders go on. When the store refuses a whole batch because of its content, the batch is read again event by event,
//! to find the event at fault.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waybill_domain::event::LoggedEvent;
use waybill_domain::time::Time;
use waybill_store::outage::Outage;
use waybill_store::{Consumed, ConsumerBatch, EffectStore, Error as StoreError, Lease};

use super::batch::NextBatch;
use super::handler::Handler;
use super::newly_parked::{first_failure, log_parked};
use super::parked_watch::ParkedWatch;
use super::parking::Retries;
use super::resources::ConsumerResources;

/// The shortest wait for new events of a shared log.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// Works on one partition.
pub struct Consumer<H: Handler> {
    pub resources: ConsumerResources,
    pub store: Arc<dyn EffectStore<H::Effect>>,
    pub handler: Arc<H>,
    pub lease: Lease,
    pub cursor: i64,
    /// Where the durable cursor stands; skipped events move it lazily.
    pub durable: i64,
    /// Since when the durable cursor is behind.
    pub skipping_since: Option<Instant>,
    pub parked: ParkedWatch,
    pub batch_limit: usize,
    pub outage: Arc<Outage>,
    /// Events still to be taken one by one, because the batch they came in was refused.
    pub singly: usize,
    /// Whether other processes write this log too.
    pub shared: bool,
}

/// The result of a turn.
pub enum Turn {
    /// There were no events.
    Idle,
    /// There were events, and there may be more.
    More,
    /// Less than a batch: waiting a little makes the next one larger.
    Few,
}

impl<H: Handler> Consumer<H> {
    /// Consumes until it is stopped, or until another process has the lease ([`StoreError::Fenced`]).
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let background = self.resources.background.clone();
        let mut grown = self.resources.log_growth.watch(self.lease.partition);
        let mut wait = self.shortest_wait();
        let mut failures = 0;
        while !stop.is_cancelled() {
            grown.borrow_and_update();
            let turn = {
                let _turn = background.turn().await;
                self.turn().await
            };
            if turn.is_ok() {
                self.outage.worked();
            }
            match turn {
                Ok(Turn::More) => (failures, wait) = (0, self.shortest_wait()),
                Ok(Turn::Few) => {
                    (failures, wait) = (0, self.shortest_wait());
                    self.gather(stop).await;
                }
                Ok(Turn::Idle) => {
                    failures = 0;
                    let until = self.until(wait);
                    wait = (wait * 2).min(self.longest_wait());
                    tokio::select! {
                        _ = grown.changed() => wait = self.shortest_wait(),
                        () = tokio::time::sleep_until(until) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(StoreError::Fenced { consumer }) => {
                    return Err(StoreError::Fenced { consumer });
                }
                Err(StoreError::Conflict { what }) => {
                    tracing::debug!(
                        consumer = self.handler.consumer(),
                        partition = self.lease.partition,
                        what,
                        "another write was committed first; deciding again"
                    );
                    self.parked.expect();
                    failures += 1;
                    self.back_off(failures.min(2), stop).await;
                }
                Err(error) => {
                    failures += 1;
                    self.outage.failed(&error);
                    self.back_off(failures, stop).await;
                }
            }
        }
        self.keep_cursor().await
    }

    fn longest_wait(&self) -> Duration {
        self.resources.poll_interval
    }

    /// Of a log that this process alone writes, every growth is signalled; a shared one is polled closely at first,
    /// because a signal may be lost.
    fn shortest_wait(&self) -> Duration {
        let longest = self.longest_wait();
        if self.shared {
            longest.min(SHORTEST_WAIT)
        } else {
            longest
        }
    }

    /// Until when to wait for new events: at most until parked events are read again.
    fn until(&self, wait: Duration) -> Instant {
        let until = Instant::now() + wait;
        if self.parked.any {
            until.min(self.parked.look_at)
        } else {
            until
        }
    }

    /// A shared log signals its growth every few milliseconds; a transaction for each signal would cost more than the
    /// events in it.
    async fn gather(&self, stop: &CancellationToken) {
        let gather = self.resources.gather;
        if self.shared && !gather.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(gather) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn back_off(&self, failures: u32, stop: &CancellationToken) {
        tokio::select! {
            () = tokio::time::sleep(self.resources.back_off(failures)) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Processes one batch of events, or the parked events that are due.
    pub async fn turn(&mut self) -> Result<Turn, StoreError> {
        let mut turn = Turn::Idle;
        if self.parked.any && self.parked.look_at <= Instant::now() {
            turn = self.retry_parked().await?;
        }
        let (events, reached) = self.read().await?;
        if reached == self.cursor {
            self.keep_cursor_now_and_then().await?;
            return Ok(turn);
        }
        if events.is_empty() {
            self.skipped(reached);
            return Ok(Turn::More);
        }
        let few = self.singly == 0 && events.len() < self.batch_limit / 4;
        self.apply_or_park(events, reached).await?;
        Ok(if few { Turn::Few } else { Turn::More })
    }

    /// Tries parked events that are due.
    async fn retry_parked(&mut self) -> Result<Turn, StoreError> {
        let retries = Retries {
            log: &*self.resources.log,
            store: &*self.store,
            handler: &*self.handler,
            contexts: &self.resources.contexts,
            schedule: &self.resources.schedule,
            lease: &self.lease,
        };
        if retries.run().await?.any {
            self.parked.expect();
            self.handler.applied(self.lease.partition);
            return Ok(Turn::More);
        }
        let (log, longest) = (&*self.resources.log, self.longest_wait());
        self.parked.nothing_was_due(log, longest).await?;
        Ok(Turn::Idle)
    }

    async fn read(&self) -> Result<(Vec<LoggedEvent>, i64), StoreError> {
        let limit = if self.singly > 0 { 1 } else { self.batch_limit };
        let (after, kinds) = (self.cursor, self.handler.kinds());
        if let Some(read) = self.resources.log_cache.read(after, limit, kinds) {
            return Ok(read);
        }
        let log = &self.resources.log;
        log.read_log(self.lease.partition, after, limit, kinds)
            .await
    }

    /// Applies a batch. If the store refuses its content, the batch is taken again event by event; a batch of one refused
    /// event parks it.
    async fn apply_or_park(
        &mut self,
        events: Vec<LoggedEvent>,
        reached: i64,
    ) -> Result<(), StoreError> {
        let events: Arc<[LoggedEvent]> = events.into();
        match self.apply(events.clone(), reached).await {
            Err(error) if error.is_poison() => {
                if let [event] = &*events {
                    self.singly = self.singly.saturating_sub(1);
                    return self.park(event, reached, error.to_string()).await;
                }
                self.singly = events.len();
                Ok(())
            }
            applied => {
                applied?;
                self.singly = self.singly.saturating_sub(events.len());
                Ok(())
            }
        }
    }

    /// Parks an event that the store refused, and moves the cursor past it.
    async fn park(
        &mut self,
        event: &LoggedEvent,
        reached: i64,
        error: String,
    ) -> Result<(), StoreError> {
        let (schedule, now) = (&self.resources.schedule, self.resources.contexts.now());
        let parked = [first_failure(event, error, schedule, now)];
        let apply = ConsumerBatch {
            lease: self.lease.clone(),
            from: self.durable,
            to: reached,
            changes: vec![],
            park: parked.to_vec(),
        };
        self.store.apply_batch(apply).await?;
        log_parked(&self.lease.consumer, &parked);
        self.parked.expect();
        self.passed(0, reached, &[event.recorded_at]);
        Ok(())
    }

    /// The batch that is taken next, but for its events.
    pub fn next_batch(&self) -> NextBatch<H> {
        NextBatch {
            handler: self.handler.clone(),
            contexts: self.resources.contexts.clone(),
            schedule: self.resources.schedule,
            lease: self.lease.clone(),
            cursor: self.cursor,
            durable: self.durable,
            may_be_parked: self.parked.any,
            limit: self.batch_limit,
        }
    }

    async fn apply(&mut self, events: Arc<[LoggedEvent]>, reached: i64) -> Result<(), StoreError> {
        let recorded: Vec<_> = events.iter().map(|e| e.recorded_at).collect();
        let batch = self.next_batch().of(events, reached);
        let consumed = self.store.consume(Arc::new(batch)).await?;
        self.consumed(&consumed, reached, &recorded);
        self.handler.applied(self.lease.partition);
        Ok(())
    }

    /// Records that a batch is written: the store has the cursor at `reached`.
    pub fn consumed(&mut self, consumed: &Consumed, reached: i64, recorded: &[Time]) {
        if !consumed.parked.is_empty() {
            log_parked(&self.lease.consumer, &consumed.parked);
            self.parked.expect();
        }
        self.passed(consumed.changes as u64, reached, recorded);
    }

    /// Records that no event up to `reached` concerns this consumer.
    pub fn skipped(&mut self, reached: i64) {
        if reached != self.cursor {
            self.cursor = reached;
            self.skipping_since.get_or_insert_with(Instant::now);
            self.note_passed();
        }
    }

    /// Records that the store has the cursor at `reached`, and how many changes were made.
    fn passed(&mut self, changes: u64, reached: i64, recorded: &[Time]) {
        self.cursor = reached;
        self.durable = reached;
        self.skipping_since = None;
        let of = (self.handler.consumer(), self.lease.partition);
        let now = self.resources.contexts.now();
        self.resources
            .metrics
            .consumed(of, changes, reached, recorded, now);
    }

    /// Stores the cursor from time to time: events of other kinds move it only in memory, because skipping them again is
    /// cheap. It is stored after a second at the latest, because orders are archived only up to the stored cursors.
    pub async fn keep_cursor_now_and_then(&mut self) -> Result<(), StoreError> {
        const SKIPPED: i64 = 1_000;
        const LONGEST: Duration = Duration::from_secs(1);
        let long = |since: Instant| since.elapsed() >= LONGEST;
        if self.cursor - self.durable >= SKIPPED || self.skipping_since.is_some_and(long) {
            self.keep_cursor().await
        } else {
            Ok(())
        }
    }

    /// Stores the cursor.
    pub async fn keep_cursor(&mut self) -> Result<(), StoreError> {
        if self.cursor == self.durable {
            return Ok(());
        }
        let apply = ConsumerBatch {
            lease: self.lease.clone(),
            from: self.durable,
            to: self.cursor,
            changes: vec![],
            park: vec![],
        };
        self.store.apply_batch(apply).await?;
        self.durable = self.cursor;
        self.skipping_since = None;
        self.note_passed();
        Ok(())
    }

    fn note_passed(&self) {
        let (consumer, partition) = (self.handler.consumer(), self.lease.partition);
        self.resources
            .metrics
            .passed(consumer, partition, self.cursor);
    }
}

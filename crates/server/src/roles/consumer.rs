//! The consumer loop: read the log past the cursor, decide in memory, write effects and cursor in one transaction.
//!
//! Invariant: the events of an order are applied in the order of the log, each once. An error that is *ours now*
//! (the store is away) stops the consumer and costs no attempts; one that is *this event's* parks its order, so
//! that others flow on. Where the store refuses a whole batch and blames what is in it, the batch is read again event by
//! event, until the one at fault stands alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waybill_domain::change::Change;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_domain::time::Time;
use waybill_store::outage::Outage;
use waybill_store::{Apply, Error as StoreError, Lease, NewParked};

use super::keeper::Duty;
use super::parking::{self, Watch};
use crate::app::App;

/// What an event comes to.
pub enum Outcome {
    Change(Box<Change>),
    /// It came late, or says nothing to this consumer.
    Nothing,
    /// It cannot be applied; its order is parked.
    Failed(String),
}

/// What a consumer does with events. Decisions are the domain's; a handler loads and translates.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The consumer's name: cursor, lease, metrics.
    fn consumer(&self) -> &'static str;

    /// The kinds it wants; others only move the cursor.
    fn kinds(&self) -> &'static [EventKind];

    /// One outcome per event, in order. Events of the same order build on each other.
    async fn decide(&self, app: &App, events: &[LoggedEvent]) -> Result<Vec<Outcome>, StoreError>;

    /// Called after effects became durable.
    fn applied(&self, _app: &App, _part: u16) {}
}

/// The shortest wait for news of a shared log.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

pub(super) struct Consumer<H> {
    pub app: Arc<App>,
    pub handler: Arc<H>,
    pub lease: Lease,
    pub schedule: RetrySchedule,
    cursor: i64,
    /// Where the durable cursor stands; skipped events move it lazily.
    durable: i64,
    /// What may be parked of this part.
    pub parked: Watch,
    batch_limit: usize,
    outage: Arc<Outage>,
    /// Events still to be taken one by one, because the batch they came in was refused.
    singly: usize,
    /// Whether others write this log too.
    shared: bool,
}

/// Acts as a consumer on whatever parts its keeper gives it.
pub struct Consuming<H> {
    pub app: Arc<App>,
    pub handler: Arc<H>,
    pub batch_limit: usize,
    /// Shared by all parts, so that a store that is away is logged once and not for each part.
    outage: Arc<Outage>,
}

impl<H: Handler> Consuming<H> {
    /// A consumer that takes at most so many events in one transaction.
    pub fn new(app: &Arc<App>, handler: H, batch_limit: u32) -> Self {
        let outage = Outage::new(handler.consumer(), "events cannot be read or applied");
        Self {
            app: app.clone(),
            handler: Arc::new(handler),
            batch_limit: batch_limit as usize,
            outage: Arc::new(outage),
        }
    }
}

#[async_trait]
impl<H: Handler> Duty for Consuming<H> {
    fn consumer(&self) -> &'static str {
        self.handler.consumer()
    }

    fn parts(&self) -> u16 {
        self.app.store.identity().parts
    }

    async fn act(
        &self,
        lease: Lease,
        cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        self.app
            .metrics
            .passed(self.handler.consumer(), lease.part, cursor);
        let mut consumer = Consumer {
            app: self.app.clone(),
            handler: self.handler.clone(),
            lease,
            schedule: self.app.retry_schedule(),
            cursor,
            durable: cursor,
            parked: Watch::unknown(),
            batch_limit: self.batch_limit,
            outage: self.outage.clone(),
            singly: 0,
            shared: !self.app.store.identity().one_writer,
        };
        consumer.run(&stop).await
    }
}

/// What a turn came to.
enum Turn {
    /// Nothing was there.
    Idle,
    /// Something was there, and there may be more.
    More,
    /// A part of a batch: whoever waits a little gets more at once.
    Few,
}

impl<H: Handler> Consumer<H> {
    async fn run(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let app = self.app.clone();
        let mut grown = app.log_growth.watch(self.lease.part);
        let mut wait = self.shortest_wait();
        let mut failures = 0;
        while !stop.is_cancelled() {
            grown.borrow_and_update();
            let turn = {
                let _turn = app.background.turn().await;
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
                        part = self.lease.part,
                        what,
                        "decided on an older state; deciding again"
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
        self.app.settings.consumers.poll_interval_ms.duration()
    }

    /// Nobody but this process can make this log grow unheard; of a shared one, the first looks follow closely.
    fn shortest_wait(&self) -> Duration {
        let longest = self.longest_wait();
        if self.shared {
            longest.min(SHORTEST_WAIT)
        } else {
            longest
        }
    }

    /// How long to wait for news: not beyond the next look at what is parked.
    fn until(&self, wait: Duration) -> Instant {
        let until = Instant::now() + wait;
        if self.parked.any {
            until.min(self.parked.look_at)
        } else {
            until
        }
    }

    /// A shared log tells of its growth every few milliseconds, and a transaction for each would cost more than what is
    /// in it.
    async fn gather(&self, stop: &CancellationToken) {
        let gather = self.app.settings.consumers.gather_ms.duration();
        if self.shared && !gather.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(gather) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn back_off(&self, failures: u32, stop: &CancellationToken) {
        let longest = self.schedule.max_ms;
        let delay = self
            .schedule
            .delay_ms(failures)
            .unwrap_or(longest)
            .max(1)
            .unsigned_abs();
        // Full jitter, so that consumers do not come back together.
        let jittered = self.app.entropy.range(0..delay + 1);
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(jittered)) => {}
            () = stop.cancelled() => {}
        }
    }

    /// One batch, or one look at what is parked.
    async fn turn(&mut self) -> Result<Turn, StoreError> {
        let mut turn = Turn::Idle;
        if self.parked.any && self.parked.look_at <= Instant::now() {
            let longest = self.longest_wait();
            if parking::retry(self, longest).await? {
                turn = Turn::More;
            }
        }
        let (events, reached) = self.read().await?;
        if reached == self.cursor {
            self.keep_cursor_now_and_then().await?;
            return Ok(turn);
        }
        if events.is_empty() {
            self.cursor = reached;
            let (consumer, part) = (self.handler.consumer(), self.lease.part);
            self.app.metrics.passed(consumer, part, reached);
            return Ok(Turn::More);
        }
        let few = self.singly == 0 && events.len() < self.batch_limit / 4;
        self.apply_or_park(events, reached).await?;
        Ok(if few { Turn::Few } else { Turn::More })
    }

    async fn read(&self) -> Result<(Vec<LoggedEvent>, i64), StoreError> {
        let limit = if self.singly > 0 { 1 } else { self.batch_limit };
        let (after, kinds) = (self.cursor, self.handler.kinds());
        if let Some(read) = self.app.log_cache.read(after, limit, kinds) {
            return Ok(read);
        }
        let store = &self.app.store;
        store.read_log(self.lease.part, after, limit, kinds).await
    }

    /// Applies a batch. When its fault lies in it, it is taken again event by event; an event at fault alone is parked.
    async fn apply_or_park(
        &mut self,
        events: Vec<LoggedEvent>,
        reached: i64,
    ) -> Result<(), StoreError> {
        let count = events.len();
        let alone = match &*events {
            [event] => Some(event.clone()),
            _ => None,
        };
        match (self.apply(events, reached).await, alone) {
            (Err(error), None) if error.is_of_one_event() => {
                self.singly = count;
                Ok(())
            }
            (Err(error), Some(event)) if error.is_of_one_event() => {
                self.singly = self.singly.saturating_sub(1);
                self.park(event, reached, error.to_string()).await
            }
            (applied, _) => {
                applied?;
                self.singly = self.singly.saturating_sub(count);
                Ok(())
            }
        }
    }

    /// Parks an event that the store refused, and goes on behind it.
    async fn park(
        &mut self,
        event: LoggedEvent,
        reached: i64,
        error: String,
    ) -> Result<(), StoreError> {
        let now = self.app.now();
        let consumer = self.handler.consumer();
        let recorded = [event.recorded_at];
        let parked = parking::first_failure(event, error, consumer, &self.schedule, now);
        let apply = Apply {
            lease: self.lease.clone(),
            from: self.durable,
            to: reached,
            changes: vec![],
            park: vec![parked],
        };
        self.app.store.apply(apply).await?;
        self.parked.expect();
        self.passed(0, reached, &recorded);
        Ok(())
    }

    async fn apply(&mut self, events: Vec<LoggedEvent>, reached: i64) -> Result<(), StoreError> {
        let recorded: Vec<_> = events.iter().map(|e| e.recorded_at).collect();
        let waiting = self.orders_already_parked(&events).await?;
        let is_waiting = |e: &LoggedEvent| e.event.order_id.is_some_and(|id| waiting.contains(&id));
        let (behind, free): (Vec<_>, Vec<_>) = events.into_iter().partition(is_waiting);
        let now = self.app.now();
        let mut park: Vec<NewParked> = behind
            .into_iter()
            .map(|event| NewParked {
                event,
                error: None,
                next_attempt_at: now,
            })
            .collect();
        let outcomes = self.handler.decide(&self.app, &free).await?;
        let mut changes = vec![];
        let mut failed: HashSet<OrderId> = HashSet::new();
        for (event, outcome) in free.into_iter().zip(outcomes) {
            let after_failure = event.event.order_id.is_some_and(|id| failed.contains(&id));
            match outcome {
                _ if after_failure => park.push(NewParked {
                    event,
                    error: None,
                    next_attempt_at: now,
                }),
                Outcome::Change(change) => changes.push(*change),
                Outcome::Nothing => {}
                Outcome::Failed(error) => {
                    failed.extend(event.event.order_id);
                    park.push(parking::first_failure(
                        event,
                        error,
                        self.handler.consumer(),
                        &self.schedule,
                        now,
                    ));
                }
            }
        }
        let (applied, parked) = (changes.len(), park.len());
        self.app
            .store
            .apply(Apply {
                lease: self.lease.clone(),
                from: self.durable,
                to: reached,
                changes,
                park,
            })
            .await?;
        if parked > 0 {
            self.parked.expect();
        }
        self.passed(applied as u64, reached, &recorded);
        self.handler.applied(&self.app, self.lease.part);
        Ok(())
    }

    /// The store has the cursor there now, and so many changes were made on the way.
    fn passed(&mut self, changes: u64, reached: i64, recorded: &[Time]) {
        self.cursor = reached;
        self.durable = reached;
        let of = (self.handler.consumer(), self.lease.part);
        let now = self.app.now();
        self.app
            .metrics
            .consumed(of, changes, reached, recorded, now);
    }

    async fn orders_already_parked(
        &self,
        events: &[LoggedEvent],
    ) -> Result<HashSet<OrderId>, StoreError> {
        if !self.parked.any {
            return Ok(HashSet::new());
        }
        let orders: HashSet<OrderId> = events.iter().filter_map(|e| e.event.order_id).collect();
        let parked = self
            .app
            .store
            .parked_orders(self.handler.consumer(), orders.into_iter().collect())
            .await?;
        Ok(parked.into_iter().collect())
    }

    /// Events that nobody wanted have moved the cursor only in memory; they are cheap to skip again.
    async fn keep_cursor_now_and_then(&mut self) -> Result<(), StoreError> {
        const SKIPPED: i64 = 1_000;
        if self.cursor - self.durable >= SKIPPED {
            self.keep_cursor().await
        } else {
            Ok(())
        }
    }

    async fn keep_cursor(&mut self) -> Result<(), StoreError> {
        if self.cursor == self.durable {
            return Ok(());
        }
        let apply = Apply {
            lease: self.lease.clone(),
            from: self.durable,
            to: self.cursor,
            changes: vec![],
            park: vec![],
        };
        self.app.store.apply(apply).await?;
        self.durable = self.cursor;
        let (consumer, part) = (self.handler.consumer(), self.lease.part);
        self.app.metrics.passed(consumer, part, self.cursor);
        Ok(())
    }
}

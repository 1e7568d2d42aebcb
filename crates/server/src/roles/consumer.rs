//! The consumer loop: read the log past the cursor, decide in memory, write effects and cursor in one transaction.
//!
//! Invariant: the events of an order are applied in the order of the log, each once. An error that is *ours now*
//! (the store is away) stops the consumer and costs no attempts; one that is *this event's* parks its order, so
//! that others flow on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_domain::change::Change;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::retry::RetrySchedule;
use waybill_store::{Apply, Error as StoreError, Lease, NewParked};

use super::parking;
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
    fn applied(&self, _app: &App) {}
}

/// The embedded store has one part.
const PART: u16 = 0;

pub(super) struct Consumer<H> {
    pub app: Arc<App>,
    pub handler: H,
    pub lease: Lease,
    pub schedule: RetrySchedule,
    cursor: i64,
    /// Where the durable cursor stands; skipped events move it lazily.
    durable: i64,
    /// Whether anything may be parked; while not, nobody need look.
    pub parked: bool,
    batch_limit: usize,
}

/// Runs a consumer until it is stopped or its lease is taken. `Ok` means stopped.
///
/// # Errors
/// [`StoreError::Fenced`] when another owner has taken over; the supervisor takes the lease again later.
pub async fn run<H: Handler>(
    app: Arc<App>,
    handler: H,
    batch_limit: usize,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let now = app.now();
    let taken = app
        .store
        .take_lease(
            handler.consumer(),
            PART,
            &app.owner,
            now,
            now.plus_ms(LEASE_MS),
        )
        .await?;
    let (lease, cursor) = taken.ok_or_else(|| StoreError::Fenced {
        consumer: handler.consumer().to_owned(),
    })?;
    app.metrics.passed(handler.consumer(), cursor);
    let schedule = app.retry_schedule();
    let mut consumer = Consumer {
        app,
        handler,
        lease,
        schedule,
        cursor,
        durable: cursor,
        parked: true,
        batch_limit,
    };
    consumer.run(&stop).await
}

/// Leases of the embedded store are never taken by anyone else: the directory lock sees to that.
const LEASE_MS: i64 = 10_000;

impl<H: Handler> Consumer<H> {
    async fn run(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut grown = self.app.tail.watch();
        let mut failures = 0;
        while !stop.is_cancelled() {
            grown.borrow_and_update();
            match self.turn().await {
                Ok(true) => failures = 0,
                Ok(false) => {
                    failures = 0;
                    let idle = self.idle();
                    tokio::select! {
                        _ = grown.changed() => {}
                        () = tokio::time::sleep(idle) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(StoreError::Fenced { consumer }) => {
                    return Err(StoreError::Fenced { consumer });
                }
                Err(StoreError::Conflict { what }) => {
                    tracing::debug!(
                        consumer = self.handler.consumer(),
                        what,
                        "decided on an older state; deciding again"
                    );
                    self.parked = true;
                    failures += 1;
                    self.back_off(failures.min(2), stop).await;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(consumer = self.handler.consumer(), %error, failures, "the store is not to be had; trying again");
                    self.back_off(failures, stop).await;
                }
            }
        }
        self.keep_cursor().await
    }

    /// How long to wait for news: shorter while something is parked.
    fn idle(&self) -> Duration {
        let poll = self.app.settings.consumers.poll_interval_ms.duration();
        if self.parked {
            poll.min(Duration::from_millis(50))
        } else {
            poll
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

    /// One batch, or one look at what is parked; says whether there was anything to do.
    async fn turn(&mut self) -> Result<bool, StoreError> {
        let mut worked = false;
        if self.parked {
            worked = parking::retry(self).await?;
        }
        let (events, reached) = self.read().await?;
        if reached == self.cursor {
            self.keep_cursor_now_and_then().await?;
            return Ok(worked);
        }
        if events.is_empty() {
            self.cursor = reached;
            self.app.metrics.passed(self.handler.consumer(), reached);
            return Ok(true);
        }
        self.apply(events, reached).await?;
        Ok(true)
    }

    async fn read(&self) -> Result<(Vec<LoggedEvent>, i64), StoreError> {
        if let Some(read) = self
            .app
            .tail
            .read(self.cursor, self.batch_limit, self.handler.kinds())
        {
            return Ok(read);
        }
        self.app
            .store
            .read_log(PART, self.cursor, self.batch_limit, self.handler.kinds())
            .await
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
        self.parked |= parked > 0;
        self.cursor = reached;
        self.durable = reached;
        self.app.metrics.consumed(
            self.handler.consumer(),
            applied as u64,
            reached,
            &recorded,
            self.app.now(),
        );
        self.handler.applied(&self.app);
        Ok(())
    }

    async fn orders_already_parked(
        &self,
        events: &[LoggedEvent],
    ) -> Result<HashSet<OrderId>, StoreError> {
        if !self.parked {
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
        self.app
            .metrics
            .consumed(self.handler.consumer(), 0, self.cursor, &[], self.app.now());
        Ok(())
    }
}

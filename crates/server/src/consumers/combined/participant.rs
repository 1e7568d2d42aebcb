//! What a combined turn needs of its participants.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::shipment::Shipment;
use waybill_domain::time::Time;
use waybill_domain::timer::Timer;
use waybill_store::{BatchDecision, Consumed, Effect, Error as StoreError, Lease};

use crate::consumers::batch::NextBatch;
use crate::consumers::consumer::{Consumer, Turn};
use crate::consumers::handler::Handler;
use crate::consumers::partition_task::PartitionTask;

/// A consumer that takes part in combined turns.
#[async_trait]
pub trait TurnConsumer<E>: Send + Sync {
    /// The consumer's name.
    fn name(&self) -> &str;

    /// The position after which events are read.
    fn cursor(&self) -> i64;

    /// The kinds of events that it takes.
    fn kinds(&self) -> &'static [EventKind];

    /// Takes turns by itself until it is stopped.
    async fn run_alone(&mut self, stop: &CancellationToken) -> Result<(), StoreError>;

    /// What it takes next.
    fn next_batch(&self) -> Box<dyn BatchSource<E>>;

    /// Whether it has something to do that is not done in a combined turn: parked events are due, or events are taken one
    /// by one.
    fn is_busy_alone(&self) -> bool;

    /// When parked events are looked at again.
    fn looks_at_parked(&self) -> Option<Instant>;

    /// Takes a turn by itself; says whether there was something to do.
    async fn turn_alone(&mut self) -> Result<bool, StoreError>;

    /// Records what a combined turn has written.
    fn consumed(&mut self, consumed: &Consumed, reached: i64, recorded: &[Time]);

    /// Records that no event up to `reached` concerns this consumer.
    fn skipped(&mut self, reached: i64);

    /// Stores the cursor if it has moved far.
    async fn keep_cursor_now_and_then(&mut self) -> Result<(), StoreError>;

    /// Stores the cursor.
    async fn keep_cursor(&mut self) -> Result<(), StoreError>;
}

#[async_trait]
impl<H: Handler> TurnConsumer<H::Effect> for Consumer<H> {
    fn name(&self) -> &str {
        self.handler.consumer()
    }

    fn cursor(&self) -> i64 {
        self.cursor
    }

    fn kinds(&self) -> &'static [EventKind] {
        self.handler.kinds()
    }

    async fn run_alone(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        self.run(stop).await
    }

    fn next_batch(&self) -> Box<dyn BatchSource<H::Effect>> {
        Box::new(Consumer::next_batch(self))
    }

    fn is_busy_alone(&self) -> bool {
        self.singly > 0
            || self
                .looks_at_parked()
                .is_some_and(|at| at <= Instant::now())
    }

    fn looks_at_parked(&self) -> Option<Instant> {
        self.parked.any.then_some(self.parked.look_at)
    }

    async fn turn_alone(&mut self) -> Result<bool, StoreError> {
        let turn = self.turn().await;
        if let Err(StoreError::Conflict { .. }) = turn {
            self.parked.expect();
        }
        Ok(!matches!(turn?, Turn::Idle))
    }

    fn consumed(&mut self, consumed: &Consumed, reached: i64, recorded: &[Time]) {
        Consumer::consumed(self, consumed, reached, recorded);
    }

    fn skipped(&mut self, reached: i64) {
        Consumer::skipped(self, reached);
    }

    async fn keep_cursor_now_and_then(&mut self) -> Result<(), StoreError> {
        Consumer::keep_cursor_now_and_then(self).await
    }

    async fn keep_cursor(&mut self) -> Result<(), StoreError> {
        Consumer::keep_cursor(self).await
    }
}

/// The next batch of a consumer, but for its events.
pub trait BatchSource<E>: Send + Sync {
    /// The position after which events are read.
    fn cursor(&self) -> i64;

    fn kinds(&self) -> &'static [EventKind];

    /// The most events.
    fn limit(&self) -> usize;

    /// The orders whose rows these events are decided on.
    fn needs(&self, events: &[LoggedEvent]) -> Vec<OrderId>;

    /// The decision about these events, after which the cursor is at `to`.
    fn of(&self, events: Arc<[LoggedEvent]>, to: i64) -> Box<dyn BatchDecision<E>>
    where
        E: Effect;
}

impl<H: Handler> BatchSource<H::Effect> for NextBatch<H> {
    fn cursor(&self) -> i64 {
        self.cursor
    }

    fn kinds(&self) -> &'static [EventKind] {
        self.handler.kinds()
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn needs(&self, events: &[LoggedEvent]) -> Vec<OrderId> {
        self.handler.needs(events)
    }

    fn of(&self, events: Arc<[LoggedEvent]>, to: i64) -> Box<dyn BatchDecision<H::Effect>> {
        Box::new(NextBatch::of(self, events, to))
    }
}

/// The timers of shipments, which also fire by themselves.
#[async_trait]
pub trait Timers: PartitionTask {
    /// Adds to what is about to be written the steps of timers that are due: of stored ones, and of those that the
    /// changes themselves set. Returns when the next of the latter is due.
    fn add_steps(
        &self,
        due: Vec<(Timer, Option<Shipment>)>,
        changes: &mut Vec<Change<DeliveryEffect>>,
    ) -> Option<Time>;

    /// Fires the timers that are due, in a transaction of their own; returns the time until the next one.
    async fn fire(&self, lease: &Lease) -> Result<Duration, StoreError>;
}

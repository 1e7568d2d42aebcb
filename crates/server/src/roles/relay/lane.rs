//! One partition of the relay: read the log past the cursor, publish, and move the cursor past what is confirmed.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::time::Time;
use waybill_store::{ConsumerBatch, Error as StoreError, Lease, NewParked, NoRows};

use super::batch::{Batch, Settled};
use super::begun::Begun;
use super::control::LOOK_EVERY;
use super::cursor::Cursor;
#[cfg(feature = "planted-defects")]
use super::defects;
use super::parked::{self, Looked};
use super::replaying::{Beside, Replayed, Replaying};
use super::settings::CONSUMER;
use super::shared::RelayShared;
use crate::consumers::newly_parked::log_parked;
use crate::consumers::parked_watch::ParkedWatch;

/// The shortest wait for new events of a log that other processes write too, because a signal may be lost.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// The longest wait without a look at what a person asks.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Publishes one partition.
pub struct Lane {
    shared: Arc<RelayShared>,
    lease: Lease,
    cursor: Cursor,
    begun: Begun,
    parked: ParkedWatch,
    replaying: Replaying,
    /// When a replay goes on.
    replay_at: Option<Instant>,
}

/// The result of a turn.
enum Turn {
    Idle,
    /// There were events, and there may be more.
    More,
    /// The broker cannot take messages now.
    Blocked(String),
    /// A person has paused the relay.
    Paused,
}

impl Lane {
    /// `cursor` is what the store has; events up to `start` are left out.
    pub fn new(shared: Arc<RelayShared>, lease: Lease, cursor: i64, start: i64) -> Self {
        Self {
            shared,
            cursor: Cursor::new(cursor, start),
            begun: Begun::new(lease.partition, start),
            parked: ParkedWatch::unknown(),
            replaying: Replaying::new(lease.partition),
            replay_at: None,
            lease,
        }
    }

    /// Publishes until it is stopped.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another process has the lease; any other when the cursor cannot be written at the
    /// end.
    pub async fn run(mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let mut grown = shared.resources.log_growth.watch(self.lease.partition);
        let mut wait = self.shortest_wait();
        let mut failures = 0;
        self.note_position();
        while !stop.is_cancelled() {
            grown.borrow_and_update();
            let turn = self.turn(stop).await;
            if turn.is_ok() {
                shared.store_outage.worked();
            }
            match turn {
                Ok(Turn::More) => (failures, wait) = (0, self.shortest_wait()),
                Ok(Turn::Idle) => {
                    failures = 0;
                    wait = self.wait(&mut grown, wait, stop).await;
                }
                Ok(Turn::Blocked(why)) => {
                    failures += 1;
                    shared.refused(why).await;
                    shared.back_off(failures, stop).await;
                }
                Ok(Turn::Paused) => {
                    failures = 0;
                    tokio::select! {
                        () = tokio::time::sleep(LOOK_EVERY) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(StoreError::Fenced { consumer }) => {
                    return Err(StoreError::Fenced { consumer });
                }
                Err(error) => {
                    failures += 1;
                    shared.failed(&error).await;
                    shared.back_off(failures, stop).await;
                }
            }
        }
        self.write_cursor().await
    }

    /// Waits for events, or until something else is due; returns the next wait.
    async fn wait(
        &self,
        grown: &mut watch::Receiver<()>,
        wait: Duration,
        stop: &CancellationToken,
    ) -> Duration {
        // A request of a person may come although no event does.
        let mut until = Instant::now() + wait.min(LONGEST_WAIT);
        if let Some(at) = self.replay_at {
            until = until.min(at);
        }
        if self.parked.any {
            until = until.min(self.parked.look_at);
        }
        if let Some(due) = self.cursor.due() {
            until = until.min(due);
        }
        tokio::select! {
            _ = grown.changed() => return self.shortest_wait(),
            () = tokio::time::sleep_until(until) => {}
            () = stop.cancelled() => {}
        }
        (wait * 2).min(self.longest_wait())
    }

    fn longest_wait(&self) -> Duration {
        self.shared.resources.poll_interval
    }

    fn shortest_wait(&self) -> Duration {
        let longest = self.longest_wait();
        if self.shared.store.identity().one_writer {
            longest
        } else {
            longest.min(SHORTEST_WAIT)
        }
    }

    /// Publishes the parked events that are due, one batch of the log, and one of a replay; nothing while the relay is
    /// paused.
    async fn turn(&mut self, stop: &CancellationToken) -> Result<Turn, StoreError> {
        let shared = self.shared.clone();
        let state = shared.control.look(&*shared.store).await?;
        if state.pause.is_some() {
            self.write_cursor().await?;
            return Ok(Turn::Paused);
        }
        let turn = self.publish_next(stop).await?;
        if matches!(turn, Turn::Blocked(_)) {
            return Ok(turn);
        }
        let beside = Beside {
            shared: &shared,
            lease: &self.lease,
            begun: &mut self.begun,
            passed: self.cursor.at(),
        };
        let replayed = self.replaying.step(beside, &state, stop).await?;
        self.replay_at = None;
        Ok(match replayed {
            Replayed::Nothing => turn,
            Replayed::GoesOn(at) => {
                self.replay_at = Some(at);
                turn
            }
            Replayed::Blocked(why) => Turn::Blocked(why),
        })
    }

    /// Publishes the parked events that are due, and one batch of the log.
    async fn publish_next(&mut self, stop: &CancellationToken) -> Result<Turn, StoreError> {
        let mut turn = Turn::Idle;
        if self.parked.any && self.parked.look_at <= Instant::now() {
            match parked::retry(&self.shared, &self.lease, stop).await? {
                Looked::Settled => {
                    self.parked.expect();
                    turn = Turn::More;
                }
                Looked::Nothing => {
                    let longest = self.longest_wait();
                    let log = &*self.shared.resources.log;
                    self.parked.nothing_was_due(log, longest).await?;
                }
                Looked::Blocked(why) => return Ok(Turn::Blocked(why)),
            }
        }
        let Some((batch, recorded)) = self.read().await? else {
            self.write_cursor_if_due().await?;
            return Ok(turn);
        };
        #[cfg(feature = "planted-defects")]
        self.move_cursor_too_early(&recorded).await?;
        let wanted = batch.to_publish().map(|event| (event, false));
        let messages = self.shared.messages(wanted).await?;
        let Some(results) = self.shared.publish(messages, stop).await else {
            return Ok(Turn::Idle);
        };
        let (schedule, now) = (
            &self.shared.resources.schedule,
            self.shared.resources.contexts.now(),
        );
        let settled = batch.settle(results, schedule, now);
        self.pass(settled, &recorded).await
    }

    /// The next events, sorted, and when each was recorded with its position; `None` at the end of the log.
    async fn read(&mut self) -> Result<Option<(Batch, Vec<(i64, Time)>)>, StoreError> {
        let background = self.shared.resources.background.clone();
        let _turn = background.turn().await;
        let events = self.read_log().await?;
        self.shared.unreadable.worked();
        if events.is_empty() {
            return Ok(None);
        }
        let parked = if self.parked.any {
            self.shared.parked_keys(&events).await?
        } else {
            HashSet::new()
        };
        let old = self
            .begun
            .before_start(&*self.shared.store, &events)
            .await?;
        let recorded = events.iter().map(|e| (e.position, e.recorded_at)).collect();
        Ok(Some((Batch::new(events, &parked, &old), recorded)))
    }

    async fn read_log(&self) -> Result<Vec<LoggedEvent>, StoreError> {
        let (after, limit) = (self.cursor.at(), self.shared.settings.batch_limit as usize);
        let cache = &self.shared.resources.log_cache;
        if let Some((events, _)) = cache.read(after, limit, EventKind::ALL) {
            return Ok(events);
        }
        let partition = self.lease.partition;
        self.shared.store.read_all(partition, after, limit).await
    }

    /// Moves the cursor past what was confirmed, parked or left out.
    async fn pass(
        &mut self,
        settled: Settled,
        recorded: &[(i64, Time)],
    ) -> Result<Turn, StoreError> {
        if let Some(to) = settled.to {
            if settled.park.is_empty() {
                self.cursor.pass(to, settled.passed);
            } else {
                self.write(to, settled.park.clone()).await?;
                log_parked(CONSUMER, &settled.park);
                self.parked.expect();
            }
            let (of, now) = (
                (CONSUMER, self.lease.partition),
                self.shared.resources.contexts.now(),
            );
            let passed = recorded.iter().take(settled.passed);
            let at: Vec<Time> = passed.map(|(_, at)| *at).collect();
            let metrics = &self.shared.resources.metrics;
            metrics.consumed(of, settled.confirmed, to, &at, now);
        }
        match settled.blocked {
            // The wait that follows may be long; a process that takes over begins here.
            Some(why) => {
                self.write_cursor().await?;
                Ok(Turn::Blocked(why))
            }
            None => {
                self.write_cursor_if_due().await?;
                Ok(Turn::More)
            }
        }
    }

    async fn write_cursor_if_due(&mut self) -> Result<(), StoreError> {
        if self.cursor.is_due() {
            self.write_cursor().await?;
        }
        Ok(())
    }

    async fn write_cursor(&mut self) -> Result<(), StoreError> {
        if self.cursor.due().is_none() {
            return Ok(());
        }
        self.write(self.cursor.at(), vec![]).await
    }

    /// Writes the cursor, together with the events to park.
    async fn write(&mut self, to: i64, park: Vec<NewParked>) -> Result<(), StoreError> {
        let batch: ConsumerBatch<NoRows> = ConsumerBatch {
            lease: self.lease.clone(),
            from: self.cursor.durable(),
            to,
            changes: vec![],
            park,
        };
        let background = self.shared.resources.background.clone();
        let _turn = background.turn().await;
        self.shared.store.apply_batch(batch).await?;
        self.cursor.written(to);
        Ok(())
    }

    fn note_position(&self) {
        let metrics = &self.shared.resources.metrics;
        metrics.passed(CONSUMER, self.lease.partition, self.cursor.at());
    }

    /// The planted defect that the tests of the relay must reveal.
    #[cfg(feature = "planted-defects")]
    async fn move_cursor_too_early(&mut self, batch: &[(i64, Time)]) -> Result<(), StoreError> {
        match batch.last() {
            Some((to, _)) if defects::cursor_before_confirm() => self.write(*to, vec![]).await,
            _ => Ok(()),
        }
    }
}

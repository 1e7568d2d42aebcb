//! Takes the combined turns: reads, submits a turn where there is something to do, and waits until there is more.
//!
//! Invariant: when the store refuses a turn, each participant takes its own turn instead, which finds the event or the
//! timer at fault and sets it aside.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use waybill_domain::change::{DeliveryEffect, OrderEffect};
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, Lease};

use super::participant::{Timers, TurnConsumer};
use super::slot::{Attached, PartitionSlot};
use super::tasks::CombinedTurns;
use super::turn::{CombinedTurn, ConsumerOutcome, Events, MOST_SHIPMENTS, ReadEvents, TurnOutcome};

/// How long participants take their own turns after a combined one was refused because of its content.
const APART: Duration = Duration::from_secs(1);
/// Of a log that this process alone writes: the longest rest after a turn that took little. With the commit itself it
/// stays well below the 10 ms within which an event has its effect.
const LONGEST_REST: Duration = Duration::from_millis(4);
/// The rest after such a turn, as a multiple of its duration: with a commit for each order, most of the time would go
/// into commits.
const REST: u32 = 2;
/// The shortest wait for a timer: those that are due at about the same time fire together.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// A consumer that has skipped so many positions in one read may have been stopped by the limit of what is scanned, and
/// reads on at once.
const FAR: i64 = 1_000;
/// Of a log that other processes write too: the first wait for new events, which doubles; a signal may be lost.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// The state of a partition's driver between turns.
struct Driver<'a> {
    combined: &'a CombinedTurns,
    slot: &'a PartitionSlot,
    /// Whether this process alone writes the log, whose newest end is then in memory.
    in_memory: bool,
    failures: u32,
    /// No combined turn before.
    rest_until: Instant,
    apart_until: Instant,
    /// When the next timer is due; `None` until the timers were looked at.
    timers_at: Option<Instant>,
    /// The next wait for events of a log that is polled.
    wait: Duration,
}

/// All participants of a partition.
struct Participants<'p> {
    delivery: &'p mut dyn TurnConsumer<DeliveryEffect>,
    timers: (&'p Arc<dyn Timers>, &'p Lease),
    status: &'p mut dyn TurnConsumer<OrderEffect>,
}

impl CombinedTurns {
    /// Takes turns until it is stopped, or until the store refuses a lease.
    pub(super) async fn drive(
        &self,
        slot: &PartitionSlot,
        stop: &CancellationToken,
        fenced: &CancellationToken,
    ) {
        let now = Instant::now();
        let mut driver = Driver {
            combined: self,
            slot,
            in_memory: self.resources.log.identity().one_writer,
            failures: 0,
            rest_until: now,
            apart_until: now,
            timers_at: None,
            wait: FIRST_WAIT,
        };
        let mut grown = self.resources.log_growth.watch(slot.partition);
        while !stop.is_cancelled() && !fenced.is_cancelled() {
            grown.borrow_and_update();
            let next = driver.turn().await;
            match next {
                Ok(None) => {}
                Ok(Some(until)) => {
                    let rests = until <= driver.rest_until;
                    tokio::select! {
                        _ = grown.changed(), if !rests => driver.wait = FIRST_WAIT,
                        () = slot.newly_attached.notified(), if !rests => {}
                        () = sleep_until(until) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(StoreError::Fenced { consumer }) => slot.fence(&consumer).await,
                Err(error) => {
                    driver.report(&error);
                    driver.failures += 1;
                    let failures = match error {
                        StoreError::Conflict { .. } => driver.failures.min(2),
                        _ => driver.failures,
                    };
                    let wait = self.resources.back_off(failures);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
    }
}

impl Driver<'_> {
    /// Does what there is to do; returns until when to wait for more, `None` where there is more already.
    async fn turn(&mut self) -> Result<Option<Instant>, StoreError> {
        let now = Instant::now();
        let longest = self.combined.resources.poll_interval;
        let mut attached = self.slot.attached.lock().await;
        let Some(mut participants) = attached.participants() else {
            return Ok(Some(now + longest));
        };
        if now < self.rest_until {
            return Ok(Some(self.rest_until));
        }
        let _turn = self.combined.resources.background.turn().await;
        if participants.is_busy_alone() || now < self.apart_until {
            return self.alone(&mut participants).await;
        }
        let before = participants.cursors();
        match self.events(&mut participants, now).await {
            Ok(Some(events)) => return self.together(&mut participants, events).await,
            Ok(None) => {}
            Err(error) if error.is_item_fault() => return self.alone(&mut participants).await,
            Err(error) => return Err(error),
        }
        participants.keep_cursors_now_and_then().await?;
        let after = participants.cursors();
        if after.0 - before.0 >= FAR || after.1 - before.1 >= FAR {
            return Ok(None);
        }
        let wait = if self.in_memory { longest } else { self.wait };
        self.wait = (self.wait * 2).min(longest);
        let until = [
            self.timers_at,
            participants.looks_at_parked(),
            Some(now + wait),
        ];
        Ok(until.into_iter().flatten().min())
    }

    /// Where the events of the next turn come from; `None` if there are none and no timer is due. Passes events that
    /// concern nobody.
    async fn events(
        &self,
        participants: &mut Participants<'_>,
        now: Instant,
    ) -> Result<Option<Events>, StoreError> {
        let timers_are_due = self.timers_at.is_none_or(|at| at <= now);
        let resources = &self.combined.resources;
        if self.in_memory {
            let some = participants.has_events(self.combined) || timers_are_due;
            return Ok(some.then(|| Events::Memory(resources.log_cache.clone())));
        }
        let (delivery, status) = tokio::try_join!(
            self.read(participants.delivery, MOST_SHIPMENTS),
            self.read(participants.status, usize::MAX)
        )?;
        let some = timers_are_due || !delivery.events.is_empty() || !status.events.is_empty();
        if !some {
            participants.delivery.skipped(delivery.reached);
            participants.status.skipped(status.reached);
        }
        Ok(some.then_some(Events::Read { delivery, status }))
    }

    /// Reads events of a log that is not in memory.
    async fn read<E>(
        &self,
        consumer: &dyn TurnConsumer<E>,
        most: usize,
    ) -> Result<ReadEvents, StoreError> {
        let next = consumer.next_batch();
        let limit = next.limit().min(most);
        let (log, partition) = (&self.combined.resources.log, self.slot.partition);
        let read = log.read_log(partition, next.cursor(), limit, next.kinds());
        let (events, reached) = read.await?;
        Ok(ReadEvents {
            events,
            reached,
            from_table: false,
        })
    }

    /// One turn of all participants in one transaction.
    async fn together(
        &mut self,
        participants: &mut Participants<'_>,
        events: Events,
    ) -> Result<Option<Instant>, StoreError> {
        let began = Instant::now();
        let taken = match self.submit(participants, events).await {
            Ok(taken) => taken,
            Err(error @ StoreError::Conflict { .. }) => {
                tracing::debug!(%error, "another write was committed first");
                return self.alone(participants).await;
            }
            Err(error) if error.is_item_fault() => {
                tracing::debug!(%error, "a combined turn was refused; taking turns apart");
                self.apart_until = Instant::now() + APART;
                return self.alone(participants).await;
            }
            Err(error) => return Err(error),
        };
        self.combined.outage.worked();
        self.failures = 0;
        if taken.delivery.consumed.is_some() || taken.status.consumed.is_some() || taken.fired {
            self.wait = FIRST_WAIT;
        }
        let now = Instant::now();
        let rest = match (taken.all, self.in_memory) {
            (false, _) => Duration::ZERO,
            (true, true) => (began.elapsed() * REST).min(LONGEST_REST),
            (true, false) => self.combined.resources.gather,
        };
        self.rest_until = now + rest;
        self.timers_at = Some(now + self.wait_for_timers(taken.next_timer));
        participants.passed(taken);
        Ok(None)
    }

    /// Submits a turn and waits until it is durable.
    async fn submit(
        &self,
        participants: &Participants<'_>,
        events: Events,
    ) -> Result<TurnOutcome, StoreError> {
        let taken = Arc::new(Mutex::new(None));
        let turn = CombinedTurn {
            partition: self.slot.partition,
            events,
            delivery: participants.delivery.next_batch(),
            status: participants.status.next_batch(),
            timers: participants.timers.0.clone(),
            timers_lease: participants.timers.1.clone(),
            taken: taken.clone(),
            #[cfg(feature = "planted-defects")]
            log_end: if self.in_memory {
                self.combined.resources.log_cache.last()
            } else {
                i64::MAX
            },
        };
        let moved = self.combined.store.take_turn(Box::new(turn)).await?;
        let taken = taken.lock().take();
        let mut taken = taken.ok_or_else(|| StoreError::unavailable("the turn was not taken"))?;
        if taken.followed {
            taken.status.reached += moved;
        }
        Ok(taken)
    }

    fn wait_for_timers(&self, next: Option<Time>) -> Duration {
        let resources = &self.combined.resources;
        let longest = resources.poll_interval;
        let wait = next.map_or(longest, |at| {
            let micros = (at.0 - resources.contexts.now().0).max(0);
            Duration::from_micros(micros.unsigned_abs())
        });
        wait.clamp(SHORTEST_WAIT.min(longest), longest)
    }

    /// A turn of each participant by itself.
    async fn alone(
        &mut self,
        participants: &mut Participants<'_>,
    ) -> Result<Option<Instant>, StoreError> {
        let delivered = participants.delivery.turn_alone().await;
        let (timers, lease) = participants.timers;
        let fired = timers.fire(lease).await;
        let followed = participants.status.turn_alone().await;
        let wait = *fired.as_ref().unwrap_or(&Duration::ZERO);
        let is_more = |turn: &Result<bool, StoreError>| matches!(turn, Ok(true));
        let more = is_more(&delivered) || is_more(&followed);
        // Each has had its turn before one that failed is reported.
        let errors = [delivered.err(), fired.err(), followed.err()];
        let (fenced, others): (Vec<_>, Vec<_>) = errors
            .into_iter()
            .flatten()
            .partition(|error| matches!(error, StoreError::Fenced { .. }));
        match fenced.into_iter().chain(others).next() {
            None => {
                self.combined.outage.worked();
                self.failures = 0;
            }
            // What one cannot do does not keep the others from going on.
            Some(error) if more && error.is_item_fault() => self.report(&error),
            Some(error) => return Err(error),
        }
        let until = Instant::now() + wait;
        self.timers_at = Some(until);
        Ok((!more && !wait.is_zero()).then_some(until))
    }

    fn report(&self, error: &StoreError) {
        // A conflict is no outage: another write was committed first.
        if !matches!(error, StoreError::Conflict { .. }) {
            self.combined.outage.failed(error);
        }
    }
}

impl Attached {
    fn participants(&mut self) -> Option<Participants<'_>> {
        let (timers, lease) = self.timers.as_ref()?;
        Some(Participants {
            delivery: &mut **self.delivery.as_mut()?,
            timers: (timers, lease),
            status: &mut **self.status.as_mut()?,
        })
    }
}

impl Participants<'_> {
    fn is_busy_alone(&self) -> bool {
        self.delivery.is_busy_alone() || self.status.is_busy_alone()
    }

    fn cursors(&self) -> (i64, i64) {
        (self.delivery.cursor(), self.status.cursor())
    }

    fn looks_at_parked(&self) -> Option<Instant> {
        let looks = [
            self.delivery.looks_at_parked(),
            self.status.looks_at_parked(),
        ];
        looks.into_iter().flatten().min()
    }

    /// Whether events wait for either consumer; passes those of other kinds.
    fn has_events(&mut self, combined: &CombinedTurns) -> bool {
        has_events(self.delivery, combined) | has_events(self.status, combined)
    }

    async fn keep_cursors_now_and_then(&mut self) -> Result<(), StoreError> {
        self.delivery.keep_cursor_now_and_then().await?;
        self.status.keep_cursor_now_and_then().await
    }

    fn passed(&mut self, taken: TurnOutcome) {
        passed(self.delivery, &taken.delivery);
        passed(self.status, &taken.status);
    }
}

fn has_events<E>(consumer: &mut dyn TurnConsumer<E>, combined: &CombinedTurns) -> bool {
    let memory = &combined.resources.log_cache;
    let found = memory.read(consumer.cursor(), 1, consumer.kinds());
    // What the cache no longer has must be read from the table.
    let Some((events, reached)) = found else {
        return true;
    };
    if events.is_empty() {
        consumer.skipped(reached);
    }
    !events.is_empty()
}

fn passed<E>(consumer: &mut dyn TurnConsumer<E>, passed: &ConsumerOutcome) {
    match &passed.consumed {
        Some(consumed) => consumer.consumed(consumed, passed.reached, &passed.recorded),
        None => consumer.skipped(passed.reached),
    }
}

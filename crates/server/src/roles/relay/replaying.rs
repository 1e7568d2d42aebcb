//! A replay in one partition: events that were published before are published again, beside the new ones.
//!
//! Invariants: a replay moves no cursor. It sends only events that the lane has passed, in the order of the log, so that a
//! receiver that has them drops them, and one that lost them gets them in order. Its rate is bounded, so that new events
//! are published meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waybill_domain::event::LoggedEvent;
use waybill_store::{Error as StoreError, Lease, RelayState, Replay, ReplayProgress};

use super::batch::{Batch, Settled};
use super::begun::Begun;
use super::shared::RelayShared;

/// Batches a second of a replay at full rate.
const BATCHES_PER_SECOND: u32 = 4;

/// The replay of one partition.
pub struct Replaying {
    partition: u16,
    /// How far the newest replay is; `None` before the first.
    progress: Option<ReplayProgress>,
    /// When the next batch may be sent.
    next_at: Instant,
}

/// What a step of a replay came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Replayed {
    /// There is nothing to send again.
    Nothing,
    /// It goes on at this time.
    GoesOn(Instant),
    /// The broker cannot take messages now.
    Blocked(String),
}

/// The lane that a replay belongs to.
pub struct Beside<'a> {
    pub shared: &'a RelayShared,
    pub lease: &'a Lease,
    pub begun: &'a mut Begun,
    /// What the lane has passed.
    pub passed: i64,
}

impl Replaying {
    pub fn new(partition: u16) -> Self {
        Self {
            partition,
            progress: None,
            next_at: Instant::now(),
        }
    }

    /// Sends the next batch again, if there is one and it is time.
    ///
    /// # Errors
    /// The store is away, the lease is lost, or an event cannot be read.
    pub async fn step(
        &mut self,
        lane: Beside<'_>,
        state: &RelayState,
        stop: &CancellationToken,
    ) -> Result<Replayed, StoreError> {
        let Some(replay) = &state.replay else {
            return Ok(Replayed::Nothing);
        };
        let known = self.progress.filter(|p| p.replay == replay.id);
        let mut progress = known.unwrap_or_else(|| replay.at(&state.progress, self.partition));
        let to = replay.to.of(self.partition).min(lane.passed);
        if progress.at >= to {
            return Ok(Replayed::Nothing);
        }
        if self.next_at > Instant::now() {
            return Ok(Replayed::GoesOn(self.next_at));
        }
        let (shared, lease) = (lane.shared, lane.lease);
        let Some((end, settled)) = self.send(lane, replay, (progress.at, to), stop).await? else {
            return Ok(Replayed::Nothing);
        };
        progress.sent += settled.confirmed;
        progress.left_out += settled.park.len() as u64;
        progress.at = match settled.blocked {
            None => end,
            Some(_) => settled.to.unwrap_or(progress.at),
        };
        shared
            .note_replayed(lease, progress, settled.confirmed)
            .await?;
        self.progress = Some(progress);
        // `relay.replay_per_s`.
        let rate = f64::from(shared.settings.replay_per_s);
        self.next_at = Instant::now() + Duration::from_secs_f64(settled.confirmed as f64 / rate);
        Ok(match settled.blocked {
            Some(why) => Replayed::Blocked(why),
            None => Replayed::GoesOn(self.next_at),
        })
    }

    /// Sends a batch of the events after a position and up to another. Returns the position that it reaches when the
    /// broker takes all of it, and what became of its events; `None` when the process stops.
    ///
    /// Events of a key that has parked ones are left out: what follows a parked event is published when that one is
    /// redriven or discarded.
    async fn send(
        &self,
        lane: Beside<'_>,
        replay: &Replay,
        (after, to): (i64, i64),
        stop: &CancellationToken,
    ) -> Result<Option<(i64, Settled)>, StoreError> {
        let Beside { shared, begun, .. } = lane;
        let rate = shared.settings.replay_per_s;
        let limit = (rate / BATCHES_PER_SECOND).clamp(1, shared.settings.batch_limit);
        let after = after.max(begun.start());
        let read = shared
            .store
            .read_all(self.partition, after, limit as usize)
            .await?;
        let read: Vec<LoggedEvent> = read.into_iter().filter(|e| e.position <= to).collect();
        let end = read.last().map_or(to, |event| event.position);
        let is_wanted = |event: &LoggedEvent| {
            let order = replay.order;
            order.is_none_or(|order| event.event.order_id == Some(order))
        };
        let events: Vec<LoggedEvent> = read.into_iter().filter(is_wanted).collect();
        let parked = shared.parked_keys(&events).await?;
        let old = begun.before_start(&*shared.store, &events).await?;
        let batch = Batch::new(events, &parked, &old);
        let wanted = batch.to_publish().map(|event| (event, false));
        let mut messages = shared.messages(wanted).await?;
        let resend: Arc<str> = format!("replay-{}", replay.id).into();
        for message in &mut messages {
            message.resend = Some(resend.clone());
        }
        let Some(results) = shared.publish(messages, stop).await else {
            return Ok(None);
        };
        let (schedule, now) = (&shared.resources.schedule, shared.resources.contexts.now());
        Ok(Some((end, batch.settle(results, schedule, now))))
    }
}

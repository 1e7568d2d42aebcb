//! Reads the end of the log and wakes the streams of the orders in it: from memory if this process alone writes the
//! log, otherwise from the table, and only while a stream waits.
//!
//! Invariant: a stream that begins to wait is woken at least once after the position was determined from which events
//! are read, so that no event falls between the stream's own first read and that position.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use waybill_broker::log_cache::LogCache;
use waybill_broker::log_growth::LogGrowth;
use waybill_domain::event::EventKind;
use waybill_store::outage::Outage;
use waybill_store::{LogStore, Positions, Result};

use super::hub::Hub;

/// Events read at once.
const PIECE: usize = 1_024;
/// Pieces of a partition read in one round; a partition that has grown by more wakes every watcher instead.
const PIECES: usize = 4;
/// Between two rounds, however fast the log grows.
const PAUSE: Duration = Duration::from_millis(10);
/// The wait before another try when the store is unavailable.
const BACK_OFF: Duration = Duration::from_millis(500);

/// Where the newest events are read, and the signal that there are more.
pub struct LogEnd {
    pub store: Arc<dyn LogStore>,
    pub cache: Arc<LogCache>,
    pub growth: Arc<LogGrowth>,
    /// The longest wait without a wake-up.
    pub poll_interval: Duration,
}

/// A hub for at most so many streams, and the task that wakes its watchers until the process stops. The task reads
/// memory if this process alone writes the log, else the table, and only while there is a watcher.
#[must_use]
pub fn start(log: LogEnd, most: usize, stop: CancellationToken) -> Arc<Hub> {
    let hub = Arc::new(Hub::new(most));
    if log.store.identity().one_writer {
        let grown = log.growth.watch_all();
        tokio::spawn(follow_cache(hub.clone(), log.cache, grown, stop));
    } else {
        let follower = Follower::new(log, hub.clone());
        tokio::spawn(stop.run_until_cancelled_owned(follower.run()));
    }
    hub
}

async fn follow_cache(
    hub: Arc<Hub>,
    log: Arc<LogCache>,
    mut grown: watch::Receiver<()>,
    stop: CancellationToken,
) {
    let mut position = log.last();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = grown.changed() => if changed.is_err() { return },
        }
        grown.borrow_and_update();
        let last = log.last();
        if !hub.is_watched() {
            // A watcher that begins after this reads the store first.
            position = last;
            continue;
        }
        while position < last {
            let Some((events, reached)) = log.read(position, PIECE, EventKind::ALL) else {
                hub.wake_all();
                position = last;
                break;
            };
            hub.wake(&events);
            if reached == position {
                break;
            }
            position = reached;
        }
    }
}

/// Follows the log for a hub.
pub struct Follower {
    hub: Arc<Hub>,
    store: Arc<dyn LogStore>,
    growth: Arc<LogGrowth>,
    /// By partition: has it grown.
    grown: Vec<watch::Receiver<()>>,
    longest_wait: Duration,
    outage: Outage,
}

impl Follower {
    /// For the log of this process's store.
    #[must_use]
    pub fn new(log: LogEnd, hub: Arc<Hub>) -> Self {
        let partitions = 0..log.store.identity().partitions;
        Self {
            hub,
            grown: partitions
                .map(|partition| log.growth.watch(partition))
                .collect(),
            store: log.store,
            growth: log.growth,
            longest_wait: log.poll_interval,
            outage: Outage::new("streams", "the log cannot be followed"),
        }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        loop {
            self.hub.watched().await;
            if let Err(error) = self.follow().await {
                self.outage.failed(&error);
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }

    /// Follows the log as long as there is a watcher.
    async fn follow(&mut self) -> Result<()> {
        let mut positions = self.store.stats().await?.log_positions;
        self.hub.wake_all();
        let mut wait = PAUSE;
        let mut any = self.growth.watch_all();
        while self.hub.is_watched() {
            any.borrow_and_update();
            self.outage.worked();
            // Every partition is read after the longest wait, because a wake-up may have been lost.
            let overdue = wait >= self.longest_wait;
            let mut found = false;
            for partition in (0u16..).zip(&mut self.grown) {
                let (partition, grown) = partition;
                let has_grown = grown.has_changed().unwrap_or(true);
                grown.borrow_and_update();
                if has_grown || overdue {
                    found |= read(&*self.store, &self.hub, partition, &mut positions).await?;
                }
            }
            wait = if found {
                PAUSE
            } else {
                (wait * 2).min(self.longest_wait)
            };
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                _ = any.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        Ok(())
    }
}

/// Reads a partition's new events and wakes their watchers; returns whether there were any.
async fn read(
    store: &dyn LogStore,
    hub: &Hub,
    partition: u16,
    positions: &mut Positions,
) -> Result<bool> {
    let begun = positions.of(partition);
    for _ in 0..PIECES {
        let after = positions.of(partition);
        let (events, reached) = store
            .read_log(partition, after, PIECE, EventKind::ALL)
            .await?;
        hub.wake(&events);
        positions.move_to(partition, reached);
        if events.len() < PIECE && reached == after {
            return Ok(reached > begun);
        }
    }
    let ends = store.stats().await?.log_positions;
    positions.move_to(partition, ends.of(partition));
    hub.wake_all();
    Ok(true)
}

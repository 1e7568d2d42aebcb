//! Holds a consumer's partitions: renews this process's leases, takes its share of the partitions, releases those
//! beyond its share, and stops the tasks of those it has lost.
//!
//! Invariants: a partition is worked on under a lease that was taken for it, by one task of this process. A process
//! that could not renew its leases stops before another may begin (by a clock that does not jump); where it is too slow
//! for that, the store refuses what it writes. [`share`] decides how many partitions a process should have, the
//! [`PartitionTask`] what is done with one.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use waybill_domain::time::Time;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, LeaseView};

use super::leases::{ConsumerId, LeaseTerms, Leases};
use super::partition_task::PartitionTask;
use super::renewal::{Renewal, Renewed, renewed};
use super::share;
use crate::clock::Clock;
use crate::observe::metrics::Metrics;

/// How long a partition rests after its task has failed, or after the store could not be reached.
const PAUSE: Duration = Duration::from_millis(500);

/// Holds the partitions of one consumer for this process.
pub struct LeaseManager<D> {
    pub leases: Arc<dyn Leases>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub id: ConsumerId,
    pub terms: LeaseTerms,
    pub task: D,
}

/// A partition that a task of this process takes, works on, or is about to let go.
struct Held {
    stop: CancellationToken,
    /// Set once the lease is taken: its epoch, and when it was taken.
    taken: Arc<OnceLock<(i64, Instant)>>,
    /// Whether another process may have it by now.
    lost: bool,
}

/// How the task of a partition ended.
enum Ended {
    Stopped,
    /// Another process took it first.
    NotFree,
    Fenced,
    Failed(StoreError),
}

struct HeldPartitions {
    held: BTreeMap<u16, Held>,
    tasks: JoinSet<Ended>,
    partition_of: HashMap<Id, u16>,
    /// Until when no other process takes what this one holds.
    valid_until: Instant,
    /// Which other process held a partition when it was last seen, and until when.
    others: BTreeMap<u16, (String, Time)>,
    /// When the last task of a partition ended.
    ended: BTreeMap<u16, Instant>,
    renewal: Option<Renewal>,
    next_renewal: Instant,
    renewing: Outage,
    acting: Outage,
}

impl<D: PartitionTask> LeaseManager<D> {
    /// Runs until it is stopped; then all its leases are free.
    pub async fn run(self, stop: CancellationToken) {
        let manager = Arc::new(self);
        let now = Instant::now();
        let mut state = HeldPartitions {
            held: BTreeMap::new(),
            tasks: JoinSet::new(),
            partition_of: HashMap::new(),
            valid_until: now,
            others: BTreeMap::new(),
            ended: BTreeMap::new(),
            renewal: None,
            next_renewal: now,
            renewing: Outage::new(manager.id.consumer, "leases cannot be renewed"),
            acting: Outage::new(
                manager.id.consumer,
                "parts of the log cannot be taken or worked on",
            ),
        };
        loop {
            let holds = state.held.values().any(|held| !held.lost);
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep_until(state.next_renewal), if state.renewal.is_none() => {
                    state.renewal = Some(manager.clone().begin_renewal());
                }
                view = renewed(&mut state.renewal) => manager.on_renewed(&mut state, view),
                () = sleep_until(state.valid_until), if holds => manager.on_expired(&mut state),
                Some(ended) = state.tasks.join_next_with_id() => manager.ended(&mut state, ended),
            }
        }
        manager.close(state).await;
    }

    /// Renews in a task of its own: slow work here does not delay it, and a renewal under way is not cut off.
    fn begin_renewal(self: Arc<Self>) -> Renewal {
        let began = Instant::now();
        let view = tokio::spawn(async move {
            let (now, until) = self.times();
            self.leases.renew(&self.id, now, until).await
        });
        Renewal { began, view }
    }

    fn times(&self) -> (Time, Time) {
        let now = Time(self.clock.now_micros());
        let lease_ms = i64::try_from(self.terms.lease.as_millis())
            .expect("the setting allows a lease of an hour at most");
        (now, now.plus_ms(lease_ms))
    }

    fn on_renewed(self: &Arc<Self>, state: &mut HeldPartitions, on_renewed: Renewed) {
        let (began, view) = on_renewed;
        match view {
            Ok(view) => {
                state.renewing.worked();
                state.acting.worked();
                state.valid_until = began + self.terms.lease;
                state.next_renewal = began + self.terms.renew_every;
                self.settle(state, began, &view);
            }
            Err(error) => {
                state.renewing.failed(&error);
                state.next_renewal = Instant::now() + PAUSE.min(self.terms.renew_every);
            }
        }
    }

    /// Stops the tasks of partitions that were lost or are beyond the share, and takes those that are due.
    fn settle(self: &Arc<Self>, state: &mut HeldPartitions, began: Instant, view: &LeaseView) {
        let me = self.id.owner.as_str();
        for (partition, held) in &mut state.held {
            let Some((epoch, at)) = held.taken.get() else {
                continue;
            };
            let is_mine = |l: &waybill_store::HeldLease| {
                l.partition == *partition && l.owner == me && l.epoch == *epoch
            };
            // A lease taken after the renewal began is not in its answer.
            if *at < began && !view.held.iter().any(is_mine) {
                let holder = view.held.iter().find(|lease| lease.partition == *partition);
                self.lose(*partition, held, holder.map(|lease| lease.owner.as_str()));
            }
        }
        let moves = share::moves(self.task.partitions(), me, view);
        for partition in &moves.hand_back {
            if let Some(held) = state.held.get(partition) {
                held.stop.cancel();
            }
        }
        // Leases of this process without a task: the task has died, or could not hand its lease back.
        let mine = view.held.iter().filter(|lease| lease.owner == me);
        let ended = &state.ended;
        let left_over: Vec<u16> = mine
            .map(|lease| lease.partition)
            .filter(|partition| ended.get(partition).is_none_or(|at| *at < began))
            .collect();
        for partition in moves.take.into_iter().chain(left_over) {
            if !state.held.contains_key(&partition) {
                self.clone().hold(state, partition);
            }
        }
        let others = view.held.iter().filter(|lease| lease.owner != me);
        for lease in others {
            let holder = (lease.owner.clone(), lease.until);
            state.others.insert(lease.partition, holder);
        }
    }

    /// Starts a task that takes the partition's lease, if it is free, and works on it.
    fn hold(self: Arc<Self>, state: &mut HeldPartitions, partition: u16) {
        let held = Held {
            stop: CancellationToken::new(),
            taken: Arc::default(),
            lost: false,
        };
        let (stop, taken) = (held.stop.clone(), held.taken.clone());
        let former = state.others.remove(&partition);
        state.held.insert(partition, held);
        let task = state.tasks.spawn(async move {
            self.act(partition, stop, &taken, former)
                .await
                .unwrap_or_else(Ended::Failed)
        });
        state.partition_of.insert(task.id(), partition);
    }

    async fn act(
        &self,
        partition: u16,
        stop: CancellationToken,
        taken: &OnceLock<(i64, Instant)>,
        former: Option<(String, Time)>,
    ) -> Result<Ended, StoreError> {
        let (now, until) = self.times();
        let Some((lease, cursor)) = self.leases.take(&self.id, partition, now, until).await? else {
            return Ok(Ended::NotFree);
        };
        let consumer = self.id.consumer;
        if let Some((former, _)) = former.filter(|(_, until)| *until <= now) {
            tracing::info!(
                consumer,
                partition,
                former,
                "took over an expired lease of another process"
            );
            self.metrics.took_over(consumer);
        }
        // Set by this task alone, once.
        let _ = taken.set((lease.epoch, Instant::now()));
        tracing::debug!(consumer, partition, epoch = lease.epoch, cursor, "taken");
        let acted = {
            let _holding = Holding::new(&self.metrics, consumer, partition);
            self.task.act(lease.clone(), cursor, stop).await
        };
        if let Err(StoreError::Fenced { .. }) = acted {
            return Ok(Ended::Fenced);
        }
        // A lease that another process has taken over is not released by this.
        self.leases.release(&self.id, &lease).await?;
        acted.map(|()| Ended::Stopped)
    }

    fn ended(
        &self,
        state: &mut HeldPartitions,
        ended: Result<(Id, Ended), tokio::task::JoinError>,
    ) {
        let id = ended
            .as_ref()
            .map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        // Every task was entered when it was spawned.
        let Some(partition) = state.partition_of.remove(&id) else {
            return;
        };
        let mut held = state.held.remove(&partition);
        let consumer = self.id.consumer;
        state.ended.insert(partition, Instant::now());
        match ended {
            Ok((_, Ended::Stopped)) => {
                tracing::debug!(consumer, partition, "handed back");
                return;
            }
            Ok((_, Ended::NotFree)) => {
                tracing::debug!(consumer, partition, "another process took it first");
            }
            Ok((_, Ended::Fenced)) => {
                if let Some(held) = &mut held {
                    self.lose(partition, held, None);
                }
            }
            Ok((_, Ended::Failed(error))) => {
                state.acting.failed(&error);
            }
            Err(error) => {
                tracing::error!(consumer, partition, %error, "a consumer panicked; it is started again");
            }
        }
        state.next_renewal = state
            .next_renewal
            .min(Instant::now() + PAUSE.min(self.terms.renew_every));
    }

    fn lose(&self, partition: u16, held: &mut Held, holder: Option<&str>) {
        if held.lost {
            return;
        }
        self.let_go(held);
        tracing::info!(
            consumer = self.id.consumer,
            partition,
            holder = holder.unwrap_or("unknown"),
            "the lease is lost; another process may take it"
        );
    }

    fn let_go(&self, held: &mut Held) {
        held.lost = true;
        held.stop.cancel();
        self.metrics.lost(self.id.consumer);
    }

    /// The leases of this process have run out, because it could not renew them.
    fn on_expired(&self, state: &mut HeldPartitions) {
        let (consumer, partitions) = (self.id.consumer, state.held.len());
        tracing::warn!(
            consumer,
            partitions,
            "leases expired before they could be renewed; stopping work on every partition"
        );
        for held in state.held.values_mut().filter(|held| !held.lost) {
            self.let_go(held);
        }
    }

    /// Stops every task and leaves the consumer, so that other processes take its partitions at once.
    async fn close(&self, mut state: HeldPartitions) {
        for held in state.held.values() {
            held.stop.cancel();
        }
        while let Some(ended) = state.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(consumer = self.id.consumer, %error, "a consumer panicked");
            }
        }
        // A renewal that arrived after leaving would announce this process again.
        if let Some(renewal) = state.renewal.take() {
            let _ = timeout(self.terms.lease, renewal.view).await;
        }
        if let Err(error) = self.leases.leave(&self.id).await {
            tracing::warn!(
                consumer = self.id.consumer,
                error = waybill_store::with_sources(&error),
                "could not leave the consumer; other processes take its partitions when the leases have expired"
            );
        }
    }
}

/// Counts a partition as held for as long as this lives.
struct Holding<'a> {
    metrics: &'a Metrics,
    consumer: &'static str,
    partition: u16,
}

impl<'a> Holding<'a> {
    fn new(metrics: &'a Metrics, consumer: &'static str, partition: u16) -> Self {
        metrics.took(consumer);
        Self {
            metrics,
            consumer,
            partition,
        }
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.metrics.gave_up(self.consumer, self.partition);
    }
}

#[cfg(test)]
#[path = "lease_manager_tests.rs"]
mod tests;

//! Keeps a consumer's parts: says that this process is alive, takes its share of the parts, hands back what is too
//! much, lets go of what was lost.
//!
//! Invariants: a part is acted on under a lease that was taken for it, and by one task of this process; a process
//! that could not renew its leases stops acting before anybody else may begin (by a clock that does not jump), and
//! where it is too slow for that, the store refuses what it writes. Who should have how many is [`share`]'s to say,
//! what is done with a part the [`Duty`]'s.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use waybill_domain::time::Time;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Identity, Lease, Standing, Store};

use super::share;
use crate::clock::Clock;
use crate::config;
use crate::observe::metrics::Metrics;

/// Before a part whose task has failed, or whose keeper could not reach the store, is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// Looks are at most this far apart, so that who joins or leaves is noticed within seconds however long leases are.
const LONGEST_BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What is done with a part.
#[async_trait]
pub trait Duty: Send + Sync + 'static {
    /// The consumer's name: lease, cursor, metrics.
    fn consumer(&self) -> &'static str;

    /// How many parts there are to share.
    fn parts(&self) -> u16;

    /// Acts on a part until it is stopped. `Ok` means stopped.
    async fn act(
        &self,
        lease: Lease,
        cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError>;
}

/// What a keeper asks of a store.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// As [`Store::keep_alive`].
    async fn renew(&self, of: &Who, now: Time, until: Time) -> Result<Standing, StoreError>;

    /// As [`Store::take_lease`].
    async fn take(
        &self,
        of: &Who,
        part: u16,
        now: Time,
        until: Time,
    ) -> Result<Option<(Lease, i64)>, StoreError>;

    /// As [`Store::release_lease`].
    async fn release(&self, of: &Who, lease: &Lease) -> Result<(), StoreError>;

    /// As [`Store::leave`].
    async fn leave(&self, of: &Who) -> Result<(), StoreError>;
}

/// Which process acts as which consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    pub consumer: &'static str,
    pub owner: String,
}

#[async_trait]
impl Leases for Arc<dyn Store> {
    async fn renew(&self, of: &Who, now: Time, until: Time) -> Result<Standing, StoreError> {
        self.keep_alive(of.consumer, &of.owner, now, until).await
    }

    async fn take(
        &self,
        of: &Who,
        part: u16,
        now: Time,
        until: Time,
    ) -> Result<Option<(Lease, i64)>, StoreError> {
        self.take_lease(of.consumer, part, &of.owner, now, until)
            .await
    }

    async fn release(&self, of: &Who, lease: &Lease) -> Result<(), StoreError> {
        self.release_lease(lease, &of.owner).await
    }

    async fn leave(&self, of: &Who) -> Result<(), StoreError> {
        Store::leave(&**self, of.consumer, &of.owner).await
    }
}

/// For how long leases are taken, and how often they are renewed.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub lease: Duration,
    pub look_every: Duration,
}

impl Terms {
    /// Of a store that only this process can open, nobody takes anything over: its leases are taken once.
    #[must_use]
    pub fn of(consumers: &config::Consumers, store: &Identity) -> Self {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
        if store.one_writer {
            return Self {
                lease: YEAR,
                look_every: YEAR / 12,
            };
        }
        Self::lasting(consumers.lease_ms.duration())
    }

    /// Of leases that are renewed three times before they run out, and at least once a second.
    #[must_use]
    pub fn lasting(lease: Duration) -> Self {
        Self {
            lease,
            look_every: (lease / 3).min(LONGEST_BETWEEN_LOOKS),
        }
    }
}

/// Keeps the parts of one consumer.
pub struct Keeper<D> {
    pub leases: Arc<dyn Leases>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub who: Who,
    pub terms: Terms,
    pub duty: D,
}

/// A look at who is alive and who holds what, under way.
struct Look {
    began: Instant,
    standing: JoinHandle<Result<Standing, StoreError>>,
}

/// A part that a task of this process takes, acts on, or is about to let go.
struct Held {
    stop: CancellationToken,
    /// Set once the lease is taken: its epoch, and when that was.
    taken: Arc<OnceLock<(i64, Instant)>>,
    /// Somebody else may have it by now.
    lost: bool,
}

/// How a part's task ended.
enum Ended {
    Stopped,
    /// Somebody else was quicker.
    NotFree,
    Fenced,
    Failed(StoreError),
}

struct Hands {
    held: BTreeMap<u16, Held>,
    tasks: JoinSet<Ended>,
    part_of: HashMap<Id, u16>,
    /// Until when others will not touch what is held.
    valid_until: Instant,
    /// Until when the leases of others ran when they were last seen.
    others: BTreeMap<u16, Time>,
    /// When the last task of a part ended.
    ended: BTreeMap<u16, Instant>,
    look: Option<Look>,
    next_look: Instant,
    renewing: Outage,
    acting: Outage,
}

impl<D: Duty> Keeper<D> {
    /// Runs until it is stopped; then everything it had is free for others.
    pub async fn run(self, stop: CancellationToken) {
        let keeper = Arc::new(self);
        let now = Instant::now();
        let mut hands = Hands {
            held: BTreeMap::new(),
            tasks: JoinSet::new(),
            part_of: HashMap::new(),
            valid_until: now,
            others: BTreeMap::new(),
            ended: BTreeMap::new(),
            look: None,
            next_look: now,
            renewing: Outage::new(keeper.who.consumer, "leases cannot be renewed"),
            acting: Outage::new(
                keeper.who.consumer,
                "parts of the log cannot be taken or worked on",
            ),
        };
        loop {
            let holds = hands.held.values().any(|held| !held.lost);
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep_until(hands.next_look), if hands.look.is_none() => {
                    hands.look = Some(keeper.clone().look());
                }
                standing = seen(&mut hands.look) => keeper.looked(&mut hands, standing),
                () = sleep_until(hands.valid_until), if holds => keeper.ran_out(&mut hands),
                Some(ended) = hands.tasks.join_next_with_id() => keeper.ended(&mut hands, ended),
            }
        }
        keeper.close(hands).await;
    }

    /// In a task of its own: nothing that is slow here keeps leases from being renewed, and a renewal that is under
    /// way is not cut off.
    fn look(self: Arc<Self>) -> Look {
        let began = Instant::now();
        let standing = tokio::spawn(async move {
            let (now, until) = self.times();
            self.leases.renew(&self.who, now, until).await
        });
        Look { began, standing }
    }

    fn times(&self) -> (Time, Time) {
        let now = Time(self.clock.now_micros());
        let lease_ms = i64::try_from(self.terms.lease.as_millis()).unwrap_or(i64::MAX);
        (now, now.plus_ms(lease_ms))
    }

    fn looked(self: &Arc<Self>, hands: &mut Hands, looked: Looked) {
        let (began, standing) = looked;
        match standing {
            Ok(standing) => {
                hands.renewing.worked();
                hands.acting.worked();
                hands.valid_until = began + self.terms.lease;
                hands.next_look = began + self.terms.look_every;
                self.settle(hands, began, &standing);
            }
            Err(error) => {
                hands.renewing.failed(&error);
                hands.next_look = Instant::now() + PAUSE.min(self.terms.look_every);
            }
        }
    }

    /// Lets go of what was lost or is too much, and takes what is due.
    fn settle(self: &Arc<Self>, hands: &mut Hands, began: Instant, standing: &Standing) {
        let me = self.who.owner.as_str();
        for (part, held) in &mut hands.held {
            let Some((epoch, at)) = held.taken.get() else {
                continue;
            };
            let is_mine = |l: &waybill_store::HeldLease| {
                l.part == *part && l.owner == me && l.epoch == *epoch
            };
            // What was taken since the look began is not in it.
            if *at < began && !standing.held.iter().any(is_mine) {
                self.lose(*part, held);
            }
        }
        let moves = share::moves(self.duty.parts(), me, standing);
        for part in &moves.hand_back {
            if let Some(held) = hands.held.get(part) {
                held.stop.cancel();
            }
        }
        // Mine, and yet nobody here acts on it: its task has died, or could not hand it back.
        let mine = standing.held.iter().filter(|lease| lease.owner == me);
        let ended = &hands.ended;
        let left_over: Vec<u16> = mine
            .map(|lease| lease.part)
            .filter(|part| ended.get(part).is_none_or(|at| *at < began))
            .collect();
        for part in moves.take.into_iter().chain(left_over) {
            if !hands.held.contains_key(&part) {
                self.clone().hold(hands, part);
            }
        }
        let others = standing.held.iter().filter(|lease| lease.owner != me);
        for lease in others {
            hands.others.insert(lease.part, lease.until);
        }
    }

    /// Begins to act on a part, if its lease can be had.
    fn hold(self: Arc<Self>, hands: &mut Hands, part: u16) {
        let held = Held {
            stop: CancellationToken::new(),
            taken: Arc::default(),
            lost: false,
        };
        let (stop, taken) = (held.stop.clone(), held.taken.clone());
        let until_of_other = hands.others.remove(&part);
        hands.held.insert(part, held);
        let task = hands.tasks.spawn(async move {
            self.act(part, stop, &taken, until_of_other)
                .await
                .unwrap_or_else(Ended::Failed)
        });
        hands.part_of.insert(task.id(), part);
    }

    async fn act(
        &self,
        part: u16,
        stop: CancellationToken,
        taken: &OnceLock<(i64, Instant)>,
        until_of_other: Option<Time>,
    ) -> Result<Ended, StoreError> {
        let (now, until) = self.times();
        let Some((lease, cursor)) = self.leases.take(&self.who, part, now, until).await? else {
            return Ok(Ended::NotFree);
        };
        let consumer = self.who.consumer;
        if until_of_other.is_some_and(|until| until <= now) {
            tracing::info!(
                consumer,
                part,
                "the lease of another process had run out; this one goes on in its place"
            );
            self.metrics.took_over(consumer);
        }
        // Set by this task alone, once.
        let _ = taken.set((lease.epoch, Instant::now()));
        tracing::debug!(consumer, part, epoch = lease.epoch, cursor, "taken");
        let acted = {
            let _holding = Holding::new(&self.metrics, consumer, part);
            self.duty.act(lease.clone(), cursor, stop).await
        };
        if let Err(StoreError::Fenced { .. }) = acted {
            return Ok(Ended::Fenced);
        }
        // One that was taken over is not given away by this.
        self.leases.release(&self.who, &lease).await?;
        acted.map(|()| Ended::Stopped)
    }

    fn ended(&self, hands: &mut Hands, ended: Result<(Id, Ended), tokio::task::JoinError>) {
        let id = ended
            .as_ref()
            .map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        // Every task is entered when it is spawned.
        let Some(part) = hands.part_of.remove(&id) else {
            return;
        };
        let mut held = hands.held.remove(&part);
        let consumer = self.who.consumer;
        hands.ended.insert(part, Instant::now());
        match ended {
            Ok((_, Ended::Stopped)) => {
                tracing::debug!(consumer, part, "handed back");
                return;
            }
            Ok((_, Ended::NotFree)) => tracing::debug!(consumer, part, "somebody else was quicker"),
            Ok((_, Ended::Fenced)) => {
                if let Some(held) = &mut held {
                    self.lose(part, held);
                }
            }
            Ok((_, Ended::Failed(error))) => {
                hands.acting.failed(&error);
            }
            Err(error) => {
                tracing::error!(consumer, part, %error, "a consumer ended badly; it is started again");
            }
        }
        hands.next_look = hands
            .next_look
            .min(Instant::now() + PAUSE.min(self.terms.look_every));
    }

    fn lose(&self, part: u16, held: &mut Held) {
        if held.lost {
            return;
        }
        self.let_go(held);
        tracing::info!(
            consumer = self.who.consumer,
            part,
            "the lease is lost; somebody else may go on in its place"
        );
    }

    fn let_go(&self, held: &mut Held) {
        held.lost = true;
        held.stop.cancel();
        self.metrics.lost(self.who.consumer);
    }

    /// Nobody has heard of this process for as long as its leases last.
    fn ran_out(&self, hands: &mut Hands) {
        let (consumer, parts) = (self.who.consumer, hands.held.len());
        tracing::warn!(
            consumer,
            parts,
            "leases could not be renewed until they ran out; letting go of every part"
        );
        for held in hands.held.values_mut().filter(|held| !held.lost) {
            self.let_go(held);
        }
    }

    /// Brings everything to rest and tells the others.
    async fn close(&self, mut hands: Hands) {
        for held in hands.held.values() {
            held.stop.cancel();
        }
        while let Some(ended) = hands.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(consumer = self.who.consumer, %error, "a consumer ended badly");
            }
        }
        // One that came after leaving would say again that this process is there.
        if let Some(look) = hands.look.take() {
            let _ = timeout(self.terms.lease, look.standing).await;
        }
        if let Err(error) = self.leases.leave(&self.who).await {
            tracing::warn!(consumer = self.who.consumer, %error, "the others could not be told; they go on when the leases have run out");
        }
    }
}

/// When a look began and what it saw.
type Looked = (Instant, Result<Standing, StoreError>);

/// Waits for the look that is under way, if one is.
async fn seen(look: &mut Option<Look>) -> Looked {
    let Some(under_way) = look else {
        return std::future::pending().await;
    };
    let standing = (&mut under_way.standing).await;
    let began = under_way.began;
    *look = None;
    let standing = standing.unwrap_or_else(|error| {
        Err(StoreError::Unavailable(format!(
            "a renewal ended badly: {error}"
        )))
    });
    (began, standing)
}

/// Tells metrics for as long as a part is held, however that ends.
struct Holding<'a> {
    metrics: &'a Metrics,
    consumer: &'static str,
    part: u16,
}

impl<'a> Holding<'a> {
    fn new(metrics: &'a Metrics, consumer: &'static str, part: u16) -> Self {
        metrics.took(consumer);
        Self {
            metrics,
            consumer,
            part,
        }
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.metrics.gave_up(self.consumer, self.part);
    }
}

#[cfg(test)]
#[path = "lease_manager_tests.rs"]
mod tests;

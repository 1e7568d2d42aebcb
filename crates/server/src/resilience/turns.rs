//! Commands on one thing, one after another: a queue per order, shipment or stock row.
//!
//! Each command loads what it changes, decides and writes. Of several at once, all but one would fail with a conflict
//! and start over, so they wait here in the order of their arrival. Invariants: at most `most` commands on one thing run
//! or wait; a thing without commands takes no memory. Other processes have queues of their own: between processes the
//! store's check of versions decides, and the loser tries again.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};
use tokio::time::{Instant, timeout_at};

const SHARDS: usize = 16;

/// Why a command did not get its turn; it did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTurn {
    /// The queue is full.
    #[error("too many commands on it are waiting already")]
    Full,
    /// The commands before it took too long.
    #[error("commands before this one took too long")]
    TooLate,
}

/// The queues of a process.
pub struct Turns {
    most: usize,
    shards: [Mutex<HashMap<u64, Waiting>>; SHARDS],
    hasher: RandomState,
}

/// The commands on one thing.
struct Waiting {
    /// Waiters are served in the order in which they came.
    queue: Arc<Queue<()>>,
    /// Those that wait and the one whose turn it is.
    commands: usize,
}

impl Turns {
    /// Queues of at most `most` commands each, the one whose turn it is included.
    #[must_use]
    pub fn of(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        })
    }

    /// Waits for a turn at `thing`, at most until `deadline`. The turn ends when it is dropped.
    ///
    /// # Errors
    /// [`NoTurn`].
    pub async fn take(
        self: &Arc<Self>,
        thing: impl Hash,
        deadline: Instant,
    ) -> Result<Turn, NoTurn> {
        // Two things with equal hashes would wait for each other: one pair in 2^64, and the hash key is secret.
        let thing = self.hasher.hash_one(thing);
        let (place, queue) = self.enter(thing)?;
        // Without others there is nothing to wait for and no timer to set.
        let turn = match queue.clone().try_lock_owned() {
            Ok(turn) => turn,
            Err(_) => timeout_at(deadline, queue.lock_owned())
                .await
                .map_err(|_| NoTurn::TooLate)?,
        };
        Ok(Turn {
            _turn: turn,
            _place: place,
        })
    }

    fn enter(self: &Arc<Self>, thing: u64) -> Result<(Place, Arc<Queue<()>>), NoTurn> {
        let mut shard = self.shard(thing).lock();
        let waiting = shard.entry(thing).or_insert_with(|| Waiting {
            queue: Arc::default(),
            commands: 0,
        });
        if waiting.commands >= self.most {
            return Err(NoTurn::Full);
        }
        waiting.commands += 1;
        let place = Place {
            turns: self.clone(),
            thing,
        };
        Ok((place, waiting.queue.clone()))
    }

    fn shard(&self, thing: u64) -> &Mutex<HashMap<u64, Waiting>> {
        &self.shards[thing as usize % SHARDS]
    }

    #[cfg(test)]
    fn things(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

/// A turn at a thing. Fields are dropped in this order: the next command gets its turn before this place is free.
pub struct Turn {
    _turn: OwnedMutexGuard<()>,
    _place: Place,
}

/// A place in a queue, given back when this is dropped, also by a caller that hung up while it waited.
struct Place {
    turns: Arc<Turns>,
    thing: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut shard = self.turns.shard(self.thing).lock();
        if let Some(waiting) = shard.get_mut(&self.thing) {
            waiting.commands -= 1;
            if waiting.commands == 0 {
                shard.remove(&self.thing);
            }
        }
    }
}

/// A deadline so long from now.
#[must_use]
pub fn deadline_in(wait: Duration) -> Instant {
    Instant::now() + wait
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn commands_on_one_thing_come_one_after_another_and_others_are_not_in_their_way() {
        let turns = Turns::of(3);
        let first = turns.take("a", deadline_in(LONG)).await.expect("a turn");
        let other = turns.take("b", deadline_in(LONG)).await.expect("its own");
        let late = turns.take("a", deadline_in(LONG / 2)).await;
        assert_eq!(late.err(), Some(NoTurn::TooLate));
        let next = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take("a", deadline_in(LONG)).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        drop(first);
        assert_eq!(next.await.expect("no panic"), Ok(()));
        drop(other);
        assert_eq!(turns.things(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_and_callers_that_hang_up_leave_it() {
        let turns = Turns::of(2);
        let first = turns.take("a", deadline_in(LONG)).await.expect("a turn");
        let waits = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take("a", deadline_in(LONG)).await.map(drop) }
        });
        tokio::task::yield_now().await;
        let full = turns.take("a", deadline_in(LONG)).await;
        assert_eq!(full.err(), Some(NoTurn::Full));
        waits.abort();
        assert!(waits.await.is_err_and(|ended| ended.is_cancelled()));
        let again = turns.take("a", deadline_in(LONG / 2)).await;
        assert_eq!(again.err(), Some(NoTurn::TooLate), "there is a place again");
        drop(first);
        assert_eq!(turns.things(), 0);
    }
}

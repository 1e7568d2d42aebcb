//! Limits how much of a shared resource one client holds: connections, streams, memory for bodies.
//!
//! Invariant: no client holds more than its share at a time, so that a single one cannot take everything. Memory is
//! bounded by what is held: a client that holds nothing is not remembered.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use parking_lot::Mutex;

const SHARDS: usize = 16;

/// What each client holds, and the most that one may.
pub struct Shares {
    most: u64,
    shards: [Mutex<HashMap<u64, u64>>; SHARDS],
    hasher: RandomState,
}

impl Shares {
    /// Each client may hold `share` (0 to 1) of `total`, at least `least`.
    #[must_use]
    pub fn of(total: u64, share: f64, least: u64) -> Arc<Self> {
        // Cut to whole units; totals are far below where a float is inexact.
        let most = (total as f64 * share) as u64;
        Arc::new(Self {
            most: most.max(least).max(1),
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        })
    }

    /// The most that one client may hold.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.most
    }

    /// A client that holds nothing yet.
    #[must_use]
    pub fn client(self: &Arc<Self>, client: impl Hash) -> Share {
        Share {
            // Two clients with equal hashes would have one share together: one pair in 2^64, and the hash key is secret.
            client: self.hasher.hash_one(client),
            shares: self.clone(),
            held: 0,
        }
    }

    fn shard(&self, client: u64) -> &Mutex<HashMap<u64, u64>> {
        &self.shards[client as usize % SHARDS]
    }

    #[cfg(test)]
    fn clients(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

/// What one client holds here; given back when this is dropped.
pub struct Share {
    shares: Arc<Shares>,
    client: u64,
    held: u64,
}

impl Share {
    /// Takes more; `false`, and nothing taken, when the client would then hold more than it may.
    #[must_use]
    pub fn take(&mut self, more: u64) -> bool {
        let mut shard = self.shares.shard(self.client).lock();
        let all = shard.entry(self.client).or_default();
        if more > self.shares.most - *all {
            if *all == 0 {
                shard.remove(&self.client);
            }
            return false;
        }
        *all += more;
        self.held += more;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.held == 0 {
            return;
        }
        let mut shard = self.shares.shard(self.client).lock();
        if let Some(all) = shard.get_mut(&self.client) {
            *all -= self.held;
            if *all == 0 {
                shard.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_holds_its_share_and_no_more_and_others_theirs() {
        let shares = Shares::of(10, 0.5, 0);
        let (mut first, mut second) = (shares.client("a"), shares.client("a"));
        assert!(first.take(3) && second.take(2));
        assert!(!second.take(1));
        let mut other = shares.client("b");
        assert!(other.take(5));
        drop(first);
        assert!(second.take(3));
    }

    #[test]
    fn what_is_given_back_is_forgotten() {
        let shares = Shares::of(1_000, 0.001, 2);
        assert_eq!(shares.most(), 2);
        for client in 0..1_000 {
            let mut share = shares.client(client);
            assert!(share.take(1) && !share.take(2));
        }
        assert!(!shares.client("a").take(3));
        assert_eq!(shares.clients(), 0);
    }
}

//! Caches verified tokens, so that the token of a busy client is verified once and then only looked up.
//!
//! Invariant: bounded in entries and in bytes, and an entry is never returned at or after its end. Sharded, so that
//! cores seldom contend. Each shard keeps two generations: when the young one is full it becomes the old one and the
//! old one is dropped, which keeps tokens in use without an ordered list.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use parking_lot::RwLock;

use super::identity::Identity;

const SHARDS: usize = 16;

/// A longer token is verified each time: remembering it would let a few clients fill the memory.
const MAX_KEY_BYTES: usize = 2_048;

pub struct Cache {
    shards: Box<[RwLock<Shard>]>,
    hasher: RandomState,
    /// Entries of one generation of one shard; 0 remembers nothing.
    generation: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<Box<str>, Arc<Identity>>,
    old: HashMap<Box<str>, Arc<Identity>>,
}

impl Cache {
    pub fn new(entries: usize) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        let generation = if entries == 0 {
            0
        } else {
            entries.div_ceil(2 * SHARDS)
        };
        Self {
            shards,
            hasher: RandomState::new(),
            generation,
        }
    }

    pub fn get(&self, token: &str, now_micros: i64) -> Option<Arc<Identity>> {
        let shard = self.shard(token);
        let aged = {
            let shard = shard.read();
            match shard.young.get(token) {
                Some(identity) => return alive(identity, now_micros),
                None => shard.old.get(token).cloned()?,
            }
        };
        let identity = alive(&aged, now_micros)?;
        shard.write().remember(token, aged, self.generation);
        Some(identity)
    }

    pub fn put(&self, token: &str, identity: &Arc<Identity>) {
        if self.generation > 0 && token.len() <= MAX_KEY_BYTES {
            let mut shard = self.shard(token).write();
            shard.remember(token, Arc::clone(identity), self.generation);
        }
    }

    fn shard(&self, token: &str) -> &RwLock<Shard> {
        // The tables inside use their own keys, so that a shard's tokens still spread over its table.
        &self.shards[self.hasher.hash_one(token) as usize % SHARDS]
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|s| s.read())
            .map(|s| s.young.len() + s.old.len())
            .sum()
    }
}

impl Shard {
    fn remember(&mut self, token: &str, identity: Arc<Identity>, generation: usize) {
        if self.young.len() >= generation && !self.young.contains_key(token) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token.into(), identity);
    }
}

fn alive(identity: &Arc<Identity>, now_micros: i64) -> Option<Arc<Identity>> {
    (now_micros < identity.until_micros).then(|| Arc::clone(identity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scopes;

    fn until(until_micros: i64) -> Arc<Identity> {
        Arc::new(Identity {
            subject: "s".into(),
            tenant: "t".into(),
            scopes: Scopes::default(),
            until_micros,
        })
    }

    #[test]
    fn an_entry_is_gone_at_its_end() {
        let cache = Cache::new(100);
        cache.put("token", &until(10));
        assert!(cache.get("token", 9).is_some());
        assert!(cache.get("token", 10).is_none());
    }

    #[test]
    fn it_stays_within_its_bound_and_keeps_what_is_in_use() {
        let cache = Cache::new(320);
        cache.put("busy", &until(i64::MAX));
        for number in 0..5_000 {
            cache.put(&format!("token-{number}"), &until(i64::MAX));
            assert!(cache.get("busy", 0).is_some(), "forgotten after {number}");
        }
        assert!(cache.len() <= 320, "{} entries", cache.len());
    }

    #[test]
    fn a_cache_of_none_and_a_token_too_long_remember_nothing() {
        let none = Cache::new(0);
        none.put("token", &until(i64::MAX));
        assert!(none.get("token", 0).is_none());
        let cache = Cache::new(10);
        let long = "x".repeat(MAX_KEY_BYTES + 1);
        cache.put(&long, &until(i64::MAX));
        assert!(cache.get(&long, 0).is_none());
    }
}

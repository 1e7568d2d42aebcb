//! What is remembered of each client, in a bounded memory.
//!
//! Each of the shards remembers a bounded number of clients. Beyond the bound the client of a sample is forgotten whose
//! memory would have lost its meaning first.

use std::collections::HashMap;

use parking_lot::Mutex;

const SHARDS: usize = 16;

/// Clients looked at to find one to forget; enough to find a good one, few enough to cost little.
const PRUNE_SAMPLE: usize = 32;

/// Something that need not be remembered from some time on.
pub trait Fading {
    /// When forgetting it changes nothing, in microseconds.
    fn fades_at_micros(&self) -> i64;
}

/// The memory of clients, by a hash of who they are.
pub struct Remembered<T> {
    per_shard: usize,
    shards: Box<[Mutex<HashMap<u64, T>>]>,
}

impl<T: Fading> Remembered<T> {
    /// Of so many clients, rounded up to a multiple of the shards.
    #[must_use]
    pub fn of(clients: u32) -> Self {
        Self {
            per_shard: (clients as usize).div_ceil(SHARDS),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Looks at what is remembered of a client, and changes it. Others wait meanwhile.
    pub fn change<R>(
        &self,
        client: u64,
        now_micros: i64,
        change: impl FnOnce(&mut Option<T>) -> R,
    ) -> R {
        let mut shard = self.shards[client as usize % SHARDS].lock();
        let mut entry = shard.remove(&client);
        let result = change(&mut entry);
        if let Some(entry) = entry {
            if shard.len() >= self.per_shard {
                forget_one(&mut shard, now_micros);
            }
            shard.insert(client, entry);
        }
        result
    }

    #[cfg(test)]
    pub fn clients(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

/// Forgets every client of a sample that has faded, or the one of it that is nearest to that.
fn forget_one<T: Fading>(shard: &mut HashMap<u64, T>, now_micros: i64) {
    let sample = shard.iter().take(PRUNE_SAMPLE);
    let fading = sample.map(|(client, entry)| (entry.fades_at_micros(), *client));
    let Some((fades_at, client)) = fading.min() else {
        return;
    };
    shard.remove(&client);
    if fades_at <= now_micros {
        // One sweep removes all of the shard that have faded, so it is seldom needed.
        shard.retain(|_, entry| entry.fades_at_micros() > now_micros);
    }
}

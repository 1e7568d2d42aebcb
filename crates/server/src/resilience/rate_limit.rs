//! Limits the requests of one client in a minute.
//!
//! A token bucket per client that holds a minute's quota and refills evenly (kept as one time per
//! client: the generic cell rate algorithm). Invariant: memory is fixed. Each of the shards remembers
//! a bounded number of clients. A client whose bucket is full need not be remembered; beyond the bound the
//! client with the fullest bucket of a sample is forgotten, which lets it send a few requests more.
//!
//! Headers follow the IETF draft "RateLimit header fields for HTTP", version 9 and later.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use waybill_domain::retry_after::{RetryAfter, whole_seconds};

const SHARDS: usize = 16;
const WINDOW_S: i64 = 60;
const WINDOW_MICROS: i64 = WINDOW_S * crate::clock::MICROS_PER_SECOND;

/// Clients looked at to find one to forget; enough to find a good one, few enough to cost little.
const PRUNE_SAMPLE: usize = 32;

pub struct RateLimiter {
    per_minute: u32,
    clients_per_shard: usize,
    shards: Box<[Mutex<HashMap<u64, i64>>]>,
    hasher: RandomState,
    policy: HeaderValue,
}

/// The answer to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Requests left at once.
    pub remaining: u32,
    /// Microseconds until the whole quota is there again; when refused, until one request is.
    pub wait_micros: i64,
}

impl Decision {
    /// When a client that was refused may send its request again.
    #[must_use]
    pub fn retry_after(self) -> RetryAfter {
        RetryAfter::Wait {
            micros: self.wait_micros,
        }
    }
}

impl RateLimiter {
    /// Of all requests; `None` when the limit is off.
    #[must_use]
    pub fn new(server: &crate::config::Server) -> Option<Self> {
        Self::of(server.rate_limit_per_minute, server)
    }

    /// Of some requests, remembering as many clients as that of all; `None` for 0, which switches it off.
    #[must_use]
    pub fn of(per_minute: u32, server: &crate::config::Server) -> Option<Self> {
        if per_minute == 0 {
            return None;
        }
        let policy = format!("\"default\";q={per_minute};w={WINDOW_S}");
        Some(Self {
            per_minute,
            clients_per_shard: (server.rate_limit_clients as usize).div_ceil(SHARDS),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            policy: HeaderValue::try_from(policy).expect("digits and ASCII punctuation"),
        })
    }

    /// Counts one request of a client: its subject and tenant, or its address when it has no token.
    pub fn ask(&self, client: impl std::hash::Hash, now_micros: i64) -> Decision {
        // Two clients with equal hashes would share a quota: one pair in 2^64, and the hash key is secret.
        let client = self.hasher.hash_one(client);
        let mut shard = self.shards[client as usize % SHARDS].lock();
        let known = shard.get(&client).copied().unwrap_or(now_micros);
        // A clock that stepped back must not lock a client out for longer than an empty bucket does.
        let full_at = known.clamp(now_micros, now_micros + WINDOW_MICROS);
        let cost = WINDOW_MICROS / i64::from(self.per_minute);
        let after = full_at + cost.max(1);
        let allowed = after - now_micros <= WINDOW_MICROS;
        let full_at = if allowed { after } else { full_at };
        if allowed {
            if shard.len() >= self.clients_per_shard && !shard.contains_key(&client) {
                forget_one(&mut shard, now_micros);
            }
            shard.insert(client, full_at);
        } else if let Some(kept) = shard.get_mut(&client) {
            *kept = full_at;
        }
        drop(shard);
        let used = full_at - now_micros;
        let left = (WINDOW_MICROS - used) / cost.max(1);
        let wait = if allowed {
            used
        } else {
            after - now_micros - WINDOW_MICROS
        };
        Decision {
            allowed,
            remaining: part_of_window(left).min(self.per_minute),
            wait_micros: wait,
        }
    }

    /// Writes the headers with the policy and the requests left.
    pub fn write_headers(&self, decision: Decision, headers: &mut HeaderMap) {
        let wait_s = whole_seconds(decision.wait_micros);
        let left = format!("\"default\";r={};t={wait_s}", decision.remaining);
        headers.insert(
            HeaderName::from_static("ratelimit-policy"),
            self.policy.clone(),
        );
        if let Ok(left) = HeaderValue::try_from(left) {
            headers.insert(HeaderName::from_static("ratelimit"), left);
        }
    }

    #[cfg(test)]
    fn clients(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

/// Forgets every client of a sample whose bucket is full, or the one of it that is nearest to that.
fn forget_one(shard: &mut HashMap<u64, i64>, now_micros: i64) {
    let mut nearest: Option<(u64, i64)> = None;
    for (client, full_at) in shard.iter().take(PRUNE_SAMPLE) {
        if nearest.is_none_or(|(_, least)| *full_at < least) {
            nearest = Some((*client, *full_at));
        }
    }
    let Some((client, full_at)) = nearest else {
        return;
    };
    shard.remove(&client);
    if full_at <= now_micros {
        // One sweep removes all full buckets of the shard, so it is seldom needed.
        shard.retain(|_, full_at| *full_at > now_micros);
    }
}

fn part_of_window(part: i64) -> u32 {
    u32::try_from(part).expect("from 0 to the 60,000,000 microseconds of the window")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Profile, Settings};

    const SECOND: i64 = 1_000_000;
    const NOW: i64 = 1_780_000_000 * SECOND;

    fn limiter(per_minute: u32, clients: u32) -> RateLimiter {
        let mut server = Settings::of_profile(Profile::Standard).server;
        server.rate_limit_per_minute = per_minute;
        server.rate_limit_clients = clients;
        RateLimiter::new(&server).expect("it is on")
    }

    #[test]
    fn it_is_on_by_default_and_off_in_the_demo() {
        let of = |profile| RateLimiter::new(&Settings::of_profile(profile).server);
        assert!(of(Profile::Standard).is_some() && of(Profile::Demo).is_none());
    }

    #[test]
    fn a_quota_is_spent_refused_and_refilled_evenly() {
        let limiter = limiter(60, 100);
        for left in (0..60).rev() {
            let decision = limiter.ask("a", NOW);
            assert!(
                decision.allowed && decision.remaining == left,
                "{decision:?}"
            );
        }
        assert_eq!(
            limiter.ask("a", NOW),
            Decision {
                allowed: false,
                remaining: 0,
                wait_micros: SECOND
            }
        );
        assert!(
            limiter.ask("b", NOW).allowed,
            "another client has its own quota"
        );
        assert!(limiter.ask("a", NOW + SECOND).allowed);
        assert!(!limiter.ask("a", NOW + SECOND).allowed);
        assert_eq!(limiter.ask("a", NOW + 61 * SECOND).remaining, 59);
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let limiter = limiter(2, 100);
        let mut headers = HeaderMap::new();
        limiter.write_headers(limiter.ask("a", NOW), &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=2;w=60");
        assert_eq!(headers["ratelimit"], "\"default\";r=1;t=30");
        limiter.ask("a", NOW);
        let refused = limiter.ask("a", NOW);
        limiter.write_headers(refused, &mut headers);
        assert_eq!(headers["ratelimit"], "\"default\";r=0;t=30");
        assert_eq!(refused.retry_after().seconds(), 30);
        let later = limiter.ask("a", NOW + SECOND / 2);
        assert_eq!(later.retry_after().seconds(), 30, "29.5 s, rounded up");
    }

    #[test]
    fn memory_is_bounded_and_full_buckets_are_forgotten() {
        let limiter = limiter(60, 160);
        for client in 0..10_000 {
            assert!(limiter.ask(client, NOW).allowed);
        }
        assert!(limiter.clients() <= 160);
        limiter.ask("late", NOW + 3_600 * SECOND);
        assert!(limiter.clients() <= 160);
    }

    #[test]
    fn a_clock_that_steps_back_locks_no_client_out() {
        let limiter = limiter(60, 100);
        assert!(limiter.ask("a", NOW).allowed);
        let back = NOW - 3_600 * SECOND;
        assert_eq!(limiter.ask("a", back).retry_after().seconds(), 1);
        assert!(limiter.ask("a", back + SECOND).allowed);
    }
}

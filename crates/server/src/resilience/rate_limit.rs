//! Limits the requests of one client in a minute, as this process alone counts them.
//!
//! Invariant: memory is fixed. A client whose bucket is full need not be remembered; beyond the bound the one with the
//! fullest bucket of a sample is forgotten, which lets it send a few requests more.

use std::hash::{BuildHasher, Hash, RandomState};

use super::quota::{Decision, Quota, WINDOW_MICROS};
use super::remembered::{Fading, Remembered};

pub struct RateLimiter {
    quota: Quota,
    buckets: Remembered<Bucket>,
    hasher: RandomState,
}

struct Bucket {
    full_at_micros: i64,
}

impl Fading for Bucket {
    fn fades_at_micros(&self) -> i64 {
        self.full_at_micros
    }
}

impl RateLimiter {
    /// A limit that remembers so many clients.
    #[must_use]
    pub fn of(quota: Quota, clients: u32) -> Self {
        Self {
            quota,
            buckets: Remembered::of(clients),
            hasher: RandomState::new(),
        }
    }

    /// Counts one request of a client.
    pub fn ask(&self, client: impl Hash, now_micros: i64) -> Decision {
        // Two clients with equal hashes would share a quota: one pair in 2^64, and the hash key is secret.
        let client = self.hasher.hash_one(client);
        self.buckets.change(client, now_micros, |bucket| {
            let (full_at_micros, decision) = self.decide(bucket.as_ref(), now_micros);
            *bucket = Some(Bucket { full_at_micros });
            decision
        })
    }

    /// What [`RateLimiter::ask`] would answer, without counting a request.
    pub fn look(&self, client: impl Hash, now_micros: i64) -> Decision {
        let client = self.hasher.hash_one(client);
        self.buckets.change(client, now_micros, |bucket| {
            self.decide(bucket.as_ref(), now_micros).1
        })
    }

    /// When the bucket is full again if one more request is counted, and the answer to that request.
    fn decide(&self, bucket: Option<&Bucket>, now_micros: i64) -> (i64, Decision) {
        let known = bucket.map_or(now_micros, |bucket| bucket.full_at_micros);
        // A clock that stepped back must not lock a client out for longer than an empty bucket does.
        let full_at = known.clamp(now_micros, now_micros + WINDOW_MICROS);
        let after = full_at + self.quota.cost_micros();
        if after - now_micros > WINDOW_MICROS {
            return (full_at, self.quota.refused(full_at - now_micros));
        }
        (after, self.quota.allowed(after - now_micros))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const SECOND: i64 = 1_000_000;
    const NOW: i64 = 1_780_000_000 * SECOND;

    fn quota(per_minute: u32) -> Quota {
        Quota::per_minute(per_minute).expect("a limit")
    }

    fn limiter(per_minute: u32, clients: u32) -> RateLimiter {
        RateLimiter::of(quota(per_minute), clients)
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
        quota(2).write_headers(limiter.ask("a", NOW), &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=2;w=60");
        assert_eq!(headers["ratelimit"], "\"default\";r=1;t=30");
        limiter.ask("a", NOW);
        let refused = limiter.ask("a", NOW);
        quota(2).write_headers(refused, &mut headers);
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
        assert!(limiter.buckets.clients() <= 160);
        limiter.ask("late", NOW + 3_600 * SECOND);
        assert!(limiter.buckets.clients() <= 160);
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

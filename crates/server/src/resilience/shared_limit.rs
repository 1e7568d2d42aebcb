//! Limits the requests of one client in a minute, over all processes that share buckets.
//!
//! A process takes a client's requests out of the shared bucket in small leases, so that not every request waits for a
//! round trip: what the quota gives in a tenth of a second, which is one request where the quota is small. The rest of a
//! lease is given up when the bucket is full again, so that idle processes take nothing from the others. A refused
//! client is not asked about again before it may send.
//!
//! Invariants: while the shared buckets answer, all processes together let through the quota, less at most one lease of
//! each; while they do not, each process counts alone, beginning with what it has let through before.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::quota::{Decision, Quota, WINDOW_MICROS};
use super::rate_limit::RateLimiter;
use super::remembered::{Fading, Remembered};

/// Buckets that several processes share.
#[async_trait]
pub trait SharedBuckets: Send + Sync {
    /// Takes up to `wanted` requests out of a bucket, at once for all processes.
    ///
    /// # Errors
    /// [`NotTaken`]; whether a bucket that was asked gave something is not known then.
    async fn take(&self, bucket: &str, quota: Quota, wanted: u32) -> Result<Taken, NotTaken>;
}

/// What a bucket gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub granted: u32,
    /// Until the bucket is full again, from 0 to the window.
    pub used_micros: i64,
    /// What stood in the bucket's place was not a bucket; it was taken for a full one.
    pub was_damaged: bool,
}

/// Why a bucket gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// It was not asked, because the server is away.
    Away,
    /// It was asked, and did not answer in time or not as it should.
    Failed,
}

/// Who a request is counted for.
#[derive(Debug, Clone, Copy, Hash)]
pub enum Client<'a> {
    Subject {
        tenant: &'a str,
        subject: &'a str,
    },
    /// No address is known in tests that call a router without a connection.
    Address(Option<IpAddr>),
}

impl Client<'_> {
    /// The same in every process. Hashed, so that names and addresses do not stand in the keys.
    fn digest(self) -> [u8; 16] {
        let mut hash = Sha256::new();
        match self {
            Self::Subject { tenant, subject } => {
                hash.update((tenant.len() as u64).to_be_bytes());
                hash.update(tenant);
                hash.update(subject);
            }
            // No tenant's name is that long.
            Self::Address(address) => {
                hash.update(u64::MAX.to_be_bytes());
                hash.update(address.map(|ip| ip.to_string()).unwrap_or_default());
            }
        }
        let hash: [u8; 32] = hash.finalize().into();
        *hash.first_chunk().expect("16 of 32 bytes")
    }
}

/// How requests were decided, since the start.
#[derive(Debug, Default)]
pub struct LimitFigures {
    /// By a lease, or by the time of a refusal.
    pub leased: AtomicU64,
    /// By asking the shared bucket.
    pub asked: AtomicU64,
    /// By this process alone, after the shared bucket had been asked in vain.
    pub failed: AtomicU64,
    /// By this process alone, and the shared bucket was not asked.
    pub alone: AtomicU64,
    /// Shared buckets that were damaged or not ours.
    pub damaged: AtomicU64,
}

/// Buckets to share, and where it is counted how they are used.
#[derive(Clone)]
pub struct Sharing {
    pub buckets: Arc<dyn SharedBuckets>,
    pub figures: Arc<LimitFigures>,
}

/// A limit on the requests of each client.
pub struct Limiter {
    quota: Quota,
    own: RateLimiter,
    shared: Option<Leases>,
}

impl Limiter {
    /// The limit of this name; `None` for 0 requests in a minute, which switches it off. Without `sharing` the process
    /// counts alone.
    #[must_use]
    pub fn of(
        name: &'static str,
        per_minute: u32,
        clients: u32,
        sharing: Option<Sharing>,
    ) -> Option<Self> {
        let quota = Quota::per_minute(per_minute)?;
        Some(Self {
            quota,
            own: RateLimiter::of(quota, clients),
            shared: sharing.map(|sharing| Leases {
                name,
                quota,
                sharing,
                leases: Remembered::of(clients),
            }),
        })
    }

    /// Counts one request of a client.
    pub async fn ask(&self, client: Client<'_>, now_micros: i64) -> Decision {
        let Some(shared) = &self.shared else {
            return self.own.ask(client, now_micros);
        };
        match shared.ask(client, now_micros).await {
            Some(decision) => {
                if decision.allowed {
                    // So that no client has a second quota when the shared buckets are lost.
                    self.own.ask(client, now_micros);
                }
                decision
            }
            None => self.own.ask(client, now_micros),
        }
    }

    /// Writes the headers with the policy and the requests left.
    pub fn write_headers(&self, decision: Decision, headers: &mut HeaderMap) {
        self.quota.write_headers(decision, headers);
    }
}

/// What this process has taken of the shared buckets of one limit.
struct Leases {
    name: &'static str,
    quota: Quota,
    sharing: Sharing,
    leases: Remembered<Lease>,
}

/// What this process has of one client's bucket. Times are this process's.
#[derive(Debug, Clone, Copy, Default)]
struct Lease {
    /// Requests that were taken and not yet spent.
    left: u32,
    /// When the shared bucket is full again, as far as this process knows.
    full_at_micros: i64,
    /// Until then it gives nothing, which is not after it is full; 0 when it is not known to be empty.
    empty_until_micros: i64,
    /// A lease is on its way.
    is_asking: bool,
}

impl Fading for Lease {
    fn fades_at_micros(&self) -> i64 {
        self.full_at_micros
    }
}

/// What is to be done about a request.
enum Plan {
    Decided(Decision),
    Take { wanted: u32, brings_lease: bool },
}

impl Leases {
    /// `None` when the shared bucket does not answer.
    async fn ask(&self, client: Client<'_>, now: i64) -> Option<Decision> {
        let digest = client.digest();
        let client = u64::from_be_bytes(*digest.first_chunk().expect("8 of 16 bytes"));
        let figures = &self.sharing.figures;
        let plan = self
            .leases
            .change(client, now, |lease| self.plan(lease, now));
        let (wanted, brings_lease) = match plan {
            Plan::Decided(decision) => {
                figures.leased.fetch_add(1, Ordering::Relaxed);
                return Some(decision);
            }
            Plan::Take {
                wanted,
                brings_lease,
            } => (wanted, brings_lease),
        };
        // Given back also when the request is dropped while it waits.
        let asking = brings_lease.then(|| Asking {
            leases: self,
            client,
            now,
        });
        let bucket = format!("{}:{:032x}", self.name, u128::from_be_bytes(digest));
        let taken = self.sharing.buckets.take(&bucket, self.quota, wanted).await;
        drop(asking);
        let counter = match taken {
            Ok(_) => &figures.asked,
            Err(NotTaken::Failed) => &figures.failed,
            Err(NotTaken::Away) => &figures.alone,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let taken = taken.ok()?;
        figures
            .damaged
            .fetch_add(taken.was_damaged.into(), Ordering::Relaxed);
        let keep = |lease: &mut Option<Lease>| self.keep(lease, taken, now);
        Some(self.leases.change(client, now, keep))
    }

    fn plan(&self, lease: &mut Option<Lease>, now: i64) -> Plan {
        let lease = lease.get_or_insert_default();
        // Beyond the window nothing is known; also after a clock that stepped back.
        let within = |at: i64| (now..=now + WINDOW_MICROS).contains(&at);
        if !within(lease.full_at_micros) {
            lease.left = 0;
        }
        if lease.left > 0 {
            lease.left -= 1;
            return Plan::Decided(self.quota.allowed(lease.full_at_micros - now));
        }
        let is_empty = lease.empty_until_micros > now && within(lease.empty_until_micros);
        if is_empty && within(lease.full_at_micros) {
            return Plan::Decided(self.quota.refused(lease.full_at_micros - now));
        }
        let brings_lease = !lease.is_asking;
        lease.is_asking = true;
        // Requests that come while a lease is on its way take one each, or all of them would bring leases.
        let wanted = if brings_lease {
            lease_size(self.quota)
        } else {
            1
        };
        Plan::Take {
            wanted,
            brings_lease,
        }
    }

    /// Spends one of what was taken, and keeps the rest.
    fn keep(&self, lease: &mut Option<Lease>, taken: Taken, now: i64) -> Decision {
        let lease = lease.get_or_insert_default();
        let used = taken.used_micros.clamp(0, WINDOW_MICROS);
        lease.full_at_micros = now + used;
        let Some(rest) = taken.granted.checked_sub(1) else {
            let refused = self.quota.refused(used);
            lease.empty_until_micros = now + refused.wait_micros;
            return refused;
        };
        lease.left = lease.left.saturating_add(rest);
        lease.empty_until_micros = 0;
        self.quota.allowed(used)
    }
}

/// The mark that a lease is on its way.
struct Asking<'a> {
    leases: &'a Leases,
    client: u64,
    now: i64,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.leases.leases.change(self.client, self.now, |lease| {
            if let Some(lease) = lease {
                lease.is_asking = false;
            }
        });
    }
}

/// What the quota gives in a tenth of a second, at least one.
fn lease_size(quota: Quota) -> u32 {
    (quota.requests() / 600).max(1)
}

#[cfg(test)]
#[path = "shared_limit_tests.rs"]
mod tests;

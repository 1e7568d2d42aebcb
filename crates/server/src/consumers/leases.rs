//! The leases of a consumer, as its lease manager takes, renews and releases them: in whose name, and for how long.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use waybill_domain::time::Time;
use waybill_store::{Error as StoreError, Identity, Lease, LeaseView, LogStore};

use crate::config;

/// Renewals are at most this far apart, so that a process that joins or leaves is noticed within seconds however long
/// leases are.
const LONGEST_BETWEEN_RENEWALS: Duration = Duration::from_secs(1);

/// What a lease manager needs from a store.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// As [`LogStore::keep_alive`].
    async fn renew(&self, of: &ConsumerId, now: Time, until: Time)
    -> Result<LeaseView, StoreError>;

    /// As [`LogStore::take_lease`].
    async fn take(
        &self,
        of: &ConsumerId,
        partition: u16,
        now: Time,
        until: Time,
    ) -> Result<Option<(Lease, i64)>, StoreError>;

    /// As [`LogStore::release_lease`].
    async fn release(&self, of: &ConsumerId, lease: &Lease) -> Result<(), StoreError>;

    /// As [`LogStore::leave`].
    async fn leave(&self, of: &ConsumerId) -> Result<(), StoreError>;
}

/// Which process acts as which consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerId {
    pub consumer: &'static str,
    pub owner: String,
}

#[async_trait]
impl Leases for Arc<dyn LogStore> {
    async fn renew(
        &self,
        of: &ConsumerId,
        now: Time,
        until: Time,
    ) -> Result<LeaseView, StoreError> {
        self.keep_alive(of.consumer, &of.owner, now, until).await
    }

    async fn take(
        &self,
        of: &ConsumerId,
        partition: u16,
        now: Time,
        until: Time,
    ) -> Result<Option<(Lease, i64)>, StoreError> {
        self.take_lease(of.consumer, partition, &of.owner, now, until)
            .await
    }

    async fn release(&self, of: &ConsumerId, lease: &Lease) -> Result<(), StoreError> {
        self.release_lease(lease, &of.owner).await
    }

    async fn leave(&self, of: &ConsumerId) -> Result<(), StoreError> {
        LogStore::leave(&**self, of.consumer, &of.owner).await
    }
}

/// For how long leases are taken, and how often they are renewed.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTerms {
    pub lease: Duration,
    pub renew_every: Duration,
}

impl LeaseTerms {
    /// In a store that only this process can open no lease is ever taken over, so leases are taken once and for long.
    #[must_use]
    pub fn of(consumers: &config::Consumers, store: &Identity) -> Self {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
        if store.one_writer {
            return Self {
                lease: YEAR,
                renew_every: YEAR / 12,
            };
        }
        Self::lasting(consumers.lease_ms.duration())
    }

    /// For leases that are renewed three times before they run out, and at least once a second.
    #[must_use]
    pub fn lasting(lease: Duration) -> Self {
        Self {
            lease,
            renew_every: (lease / 3).min(LONGEST_BETWEEN_RENEWALS),
        }
    }
}

//! Work for external services. Its result is written with [`super::EffectStore::settle_work`].

use super::base::StoreBase;
use crate::error::Result;
use crate::model::LeasedWork;
use async_trait::async_trait;
use uuid::Uuid;
use waybill_domain::change::NewWork;
use waybill_domain::explain::WaitingCall;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// Pieces of work, leased to the workers of a role.
#[async_trait]
pub trait WorkStore: StoreBase {
    /// Adds work outside of a change.
    async fn add_work(&self, tenant: &Tenant, work: Vec<NewWork>) -> Result<()>;

    /// The targets that have work that is due and not leased.
    async fn targets_with_work(&self, now: Time) -> Result<Vec<String>>;

    /// Those of these pieces that are not done.
    async fn waiting_work(&self, ids: Vec<Uuid>) -> Result<Vec<WaitingCall>>;

    /// Leases due work of a target until `until`. Work whose lease has run out is due again.
    async fn lease_work(
        &self,
        target: &str,
        now: Time,
        until: Time,
        limit: usize,
    ) -> Result<Vec<LeasedWork>>;
}

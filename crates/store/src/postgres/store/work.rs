//! Work for external services.

use super::super::work;
use super::PostgresStore;
use crate::error::Result;
use crate::model::LeasedWork;
use crate::traits::WorkStore;
use async_trait::async_trait;
use uuid::Uuid;
use waybill_domain::change::NewWork;
use waybill_domain::explain::WaitingCall;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

#[async_trait]
impl WorkStore for PostgresStore {
    async fn add_work(&self, tenant: &Tenant, pieces: Vec<NewWork>) -> Result<()> {
        work::add(self.read()?, tenant, &pieces).await
    }

    async fn targets_with_work(&self, now: Time) -> Result<Vec<String>> {
        work::targets(self.read()?, now).await
    }

    async fn waiting_work(&self, ids: Vec<Uuid>) -> Result<Vec<WaitingCall>> {
        work::waiting(self.read()?, ids).await
    }

    async fn lease_work(
        &self,
        target: &str,
        now: Time,
        until: Time,
        limit: usize,
    ) -> Result<Vec<LeasedWork>> {
        work::lease(self.read()?, target, now, until, limit).await
    }
}

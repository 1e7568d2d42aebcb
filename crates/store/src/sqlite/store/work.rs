//! Work for external services.

use super::super::schedule::Class;
use super::super::{changes, work};
use super::SqliteStore;
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
impl WorkStore for SqliteStore {
    async fn add_work(&self, tenant: &Tenant, pieces: Vec<NewWork>) -> Result<()> {
        let tenant = tenant.clone();
        self.writer
            .submit(Class::Background, move |tx| {
                changes::add_work(tx, &tenant, &pieces)
            })
            .await
    }

    async fn targets_with_work(&self, now: Time) -> Result<Vec<String>> {
        self.readers.read(move |c| work::targets(c, now)).await
    }

    async fn waiting_work(&self, ids: Vec<Uuid>) -> Result<Vec<WaitingCall>> {
        self.readers.read(move |c| work::waiting(c, &ids)).await
    }

    async fn lease_work(
        &self,
        target: &str,
        now: Time,
        until: Time,
        limit: usize,
    ) -> Result<Vec<LeasedWork>> {
        let target = target.to_owned();
        self.writer
            .submit(Class::Background, move |tx| {
                work::lease(tx, &target, now, until, limit)
            })
            .await
    }
}

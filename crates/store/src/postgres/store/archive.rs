//! `ArchiveStore` on PostgreSQL: finished orders that were moved out of the way.

use super::super::archive;
use super::PostgresStore;
use crate::archive::{Archival, ArchivedOrder, Archiving};
use crate::error::Result;
use crate::model::OrderRef;
use crate::traits::ArchiveStore;
use async_trait::async_trait;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

#[async_trait]
impl ArchiveStore for PostgresStore {
    async fn archive(&self, which: Archiving) -> Result<Archival> {
        self.write(|shared| async move {
            archive::archive(&shared.commits, (shared.now)(), which).await
        })
        .await
    }

    async fn archived(&self, tenant: &Tenant, by: OrderRef) -> Result<Option<ArchivedOrder>> {
        archive::find(self.read()?, tenant, &by, (self.shared.now)()).await
    }

    async fn is_archived(&self, tenant: &Tenant, id: OrderId) -> Result<bool> {
        archive::has(self.read()?, tenant, id).await
    }

    async fn unarchive(&self, tenant: &Tenant, id: OrderId) -> Result<bool> {
        let tenant = tenant.clone();
        self.write(|shared| async move {
            archive::unarchive(&shared.commits, (shared.now)(), &tenant, id).await
        })
        .await
    }
}

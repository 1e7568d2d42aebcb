//! `ArchiveStore` on SQLite: finished orders that were moved out of the way.

use super::super::archive;
use super::super::schedule::Class;
use super::SqliteStore;
use crate::archive::{Archival, ArchivedOrder, Archiving};
use crate::error::Result;
use crate::model::OrderRef;
use crate::traits::ArchiveStore;
use async_trait::async_trait;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

#[async_trait]
impl ArchiveStore for SqliteStore {
    async fn archive(&self, which: Archiving) -> Result<Archival> {
        let scan = self.scan_limit;
        self.writer
            .submit(Class::Background, move |tx| {
                archive::archive(tx, &which, scan)
            })
            .await
    }

    async fn archived(&self, tenant: &Tenant, by: OrderRef) -> Result<Option<ArchivedOrder>> {
        let (tenant, now) = (tenant.clone(), (self.now)());
        self.readers
            .read(move |c| archive::find(c, &tenant, &by, now))
            .await
    }

    async fn unarchive(&self, tenant: &Tenant, id: OrderId) -> Result<bool> {
        let tenant = tenant.clone();
        self.writer
            .submit(Class::Foreground, move |tx| {
                archive::unarchive(tx, &tenant, id)
            })
            .await
    }
}

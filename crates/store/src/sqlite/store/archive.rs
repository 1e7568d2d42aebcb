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
    /// Looked for by a reader: the writer only looks again at those that it moves.
    async fn archive(&self, which: Archiving) -> Result<Archival> {
        let look = self.readers.read(move |c| archive::look(c, which)).await?;
        let (ids, reached) = look;
        let moved = match ids.is_empty() {
            true => vec![],
            false => {
                let ids = ids.clone();
                let moved = self.writer.submit(Class::Background, move |tx| {
                    archive::archive(tx, &ids, which.before)
                });
                moved.await?
            }
        };
        Ok(Archival::of(&ids, moved, reached))
    }

    async fn archived(&self, tenant: &Tenant, by: OrderRef) -> Result<Option<ArchivedOrder>> {
        let (tenant, now) = (tenant.clone(), (self.now)());
        self.readers
            .read(move |c| archive::find(c, &tenant, &by, now))
            .await
    }

    async fn is_archived(&self, tenant: &Tenant, id: OrderId) -> Result<bool> {
        let tenant = tenant.clone();
        self.readers
            .read(move |c| archive::has(c, &tenant, id))
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

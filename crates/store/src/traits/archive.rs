//! Finished orders that were moved out of the way.

use super::base::StoreBase;
use crate::archive::{Archival, ArchivedOrder, Archiving};
use crate::error::Result;
use crate::model::OrderRef;
use async_trait::async_trait;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

/// The archive. An order is in it or in the tables; its claims stay.
#[async_trait]
pub trait ArchiveStore: StoreBase {
    /// Moves finished orders into the archive; looks at a bounded number of orders. An order that somebody changes
    /// meanwhile stays for a later call, and one that cannot be moved is returned with the reason.
    async fn archive(&self, which: Archiving) -> Result<Archival>;

    /// An order of the archive.
    async fn archived(&self, tenant: &Tenant, by: OrderRef) -> Result<Option<ArchivedOrder>>;

    /// Whether the archive has an order.
    async fn is_archived(&self, tenant: &Tenant, id: OrderId) -> Result<bool>;

    /// Puts an order back into the tables as it was, except that it has been changed just now, so that it does not leave
    /// again at once; `false` when the archive does not have it.
    async fn unarchive(&self, tenant: &Tenant, id: OrderId) -> Result<bool>;
}

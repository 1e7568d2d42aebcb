//! Used keys: those of commands, and the claims of orders.

use super::base::StoreBase;
use crate::error::Result;
use async_trait::async_trait;
use waybill_domain::once::CommandDone;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// Keys of requests. They are claimed by the call that does what the request asks, in its transaction.
#[async_trait]
pub trait ClaimStore: StoreBase {
    /// The command that used a key; `None` when the key was not used or its claim has expired. A change or a flag whose
    /// key was used is [`crate::Error::KeyUsed`], and nothing of it is written.
    async fn command_done(&self, tenant: &Tenant, hash: [u8; 16]) -> Result<Option<CommandDone>>;

    /// Deletes up to `limit` expired claims; returns how many. A call reads a bounded number of claims and the next
    /// call continues there, from the beginning again after the last claim.
    async fn forget_claims(&self, now: Time, limit: usize) -> Result<usize>;
}

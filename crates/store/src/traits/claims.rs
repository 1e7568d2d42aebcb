//! Keys that were used: those of commands, and the claims of orders.

use super::base::StoreBase;
use crate::error::Result;
use async_trait::async_trait;
use waybill_domain::once::CommandDone;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// Keys of requests. They are claimed by the call that does what the request asks, in its transaction.
#[async_trait]
pub trait ClaimStore: StoreBase {
    /// What was done with the key of a command, if it was used and has not expired. A change or a flag whose key was used
    /// is [`crate::Error::KeyUsed`], and nothing of it is written.
    async fn command_done(&self, tenant: &Tenant, hash: [u8; 16]) -> Result<Option<CommandDone>>;

    /// Deletes up to `limit` expired claims; says how many. A call looks at a bounded number of claims and the
    /// next one goes on from there, round and round.
    async fn forget_claims(&self, now: Time, limit: usize) -> Result<usize>;
}

//! `ClaimStore` on PostgreSQL: idempotency keys and claims.

use super::super::{claims, once, stats};
use super::PostgresStore;
use crate::error::Result;
use crate::traits::ClaimStore;
use async_trait::async_trait;
use waybill_domain::once::CommandDone;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

#[async_trait]
impl ClaimStore for PostgresStore {
    async fn command_done(&self, tenant: &Tenant, hash: [u8; 16]) -> Result<Option<CommandDone>> {
        let tenant = tenant.clone();
        self.write(|shared| async move {
            once::done(&shared.commits, &tenant, hash, (shared.now)()).await
        })
        .await
    }

    async fn forget_claims(&self, now: Time, limit: usize) -> Result<usize> {
        let (commits, scan) = (self.read()?, self.shared.options.scan_limit);
        stats::fold(commits, limit).await?;
        let commands = once::forget(commits, now, limit).await?;
        Ok(commands + claims::forget(commits, &self.claims_walk, now, limit, scan).await?)
    }
}

//! `ClaimStore` on SQLite: idempotency keys and claims.

use super::super::schedule::Class;
use super::super::{claims, once};
use super::SqliteStore;
use crate::error::Result;
use crate::traits::ClaimStore;
use async_trait::async_trait;
use waybill_domain::once::CommandDone;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

#[async_trait]
impl ClaimStore for SqliteStore {
    async fn command_done(&self, tenant: &Tenant, hash: [u8; 16]) -> Result<Option<CommandDone>> {
        let (tenant, now) = (tenant.clone(), (self.now)());
        self.readers
            .read(move |c| once::done(c, &tenant, &hash, now))
            .await
    }

    async fn forget_claims(&self, now: Time, limit: usize) -> Result<usize> {
        let (walk, scan) = (self.claims_walk.clone(), self.scan_limit);
        self.writer
            .submit(Class::Background, move |tx| {
                let commands = once::forget(tx, now, limit)?;
                Ok(commands + claims::forget(tx, &mut walk.lock(), now, limit, scan)?)
            })
            .await
    }
}

//! The service whose store this is.

use super::super::service;
use super::PostgresStore;
use crate::error::Result;
use crate::traits::ServiceStore;
use async_trait::async_trait;
use waybill_domain::service::Service;

#[async_trait]
impl ServiceStore for PostgresStore {
    async fn service(&self, claim: Option<Service>) -> Result<Option<Service>> {
        self.write(|shared| async move { service::recorded(&shared.commits, claim).await })
            .await
    }
}

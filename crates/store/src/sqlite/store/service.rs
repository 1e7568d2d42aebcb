//! The service whose store this is.

use super::super::schedule::Class;
use super::super::service;
use super::SqliteStore;
use crate::error::Result;
use crate::traits::ServiceStore;
use async_trait::async_trait;
use waybill_domain::service::Service;

#[async_trait]
impl ServiceStore for SqliteStore {
    async fn service(&self, claim: Option<Service>) -> Result<Option<Service>> {
        let claimed = move |tx: &mut super::super::tx::Tx<'_>| service::recorded(tx, claim);
        self.writer.submit(Class::Foreground, claimed).await
    }
}

//! The service whose store this is.

use super::base::StoreBase;
use crate::error::Result;
use async_trait::async_trait;
use waybill_domain::service::Service;

/// The record of the service that a store belongs to, when two services exchange events.
#[async_trait]
pub trait ServiceStore: StoreBase {
    /// The recorded service. With `claim`, a store without a record is recorded as this service's first; of processes
    /// that claim it at once the first one is recorded.
    async fn service(&self, claim: Option<Service>) -> Result<Option<Service>>;
}

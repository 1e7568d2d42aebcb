//! The work of a consumer on one of its partitions, as its lease manager starts and stops it.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_store::{Error as StoreError, Lease};

/// What is done with a partition.
#[async_trait]
pub trait PartitionTask: Send + Sync + 'static {
    /// The consumer's name: lease, cursor, metrics.
    fn consumer(&self) -> &'static str;

    /// The number of partitions to share.
    fn partitions(&self) -> u16;

    /// Works on a partition until it is stopped. `Ok` means stopped.
    async fn act(
        &self,
        lease: Lease,
        cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError>;
}

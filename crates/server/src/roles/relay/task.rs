//! The relay as the task of each partition that its lease manager takes.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_store::{Error as StoreError, Lease};

use super::lane::Lane;
use super::settings::CONSUMER;
use super::shared::RelayShared;
use crate::consumers::partition_task::PartitionTask;

/// Publishes the partitions that its lease manager gives it.
pub struct Relay {
    shared: Arc<RelayShared>,
}

impl Relay {
    pub fn new(shared: RelayShared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }
}

#[async_trait]
impl PartitionTask for Relay {
    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn partitions(&self) -> u16 {
        self.shared.store.identity().partitions
    }

    async fn act(
        &self,
        lease: Lease,
        cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let wanted = self.shared.settings.start.into();
        let start = self.shared.store.relay_start(wanted).await?;
        let start = start.of(lease.partition);
        self.shared.note_publisher().await?;
        let lane = Lane::new(self.shared.clone(), lease, cursor, start);
        lane.run(&stop).await
    }
}

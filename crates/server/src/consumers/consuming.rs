//! A consumer as the task of each partition that its lease manager takes.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_store::outage::Outage;
use waybill_store::{EffectStore, Error as StoreError, Lease};

use super::consumer::Consumer;
use super::handler::Handler;
use super::parked_watch::ParkedWatch;
use super::partition_task::PartitionTask;
use super::resources::ConsumerResources;

/// Acts as a consumer on the partitions that its lease manager gives it.
pub struct Consuming<H: Handler> {
    resources: ConsumerResources,
    /// Where the handler's effects are written.
    store: Arc<dyn EffectStore<H::Effect>>,
    handler: Arc<H>,
    batch_limit: usize,
    /// Shared by all partitions, so that an unavailable store is logged once and not for each partition.
    outage: Arc<Outage>,
}

impl<H: Handler> Consuming<H> {
    /// A consumer that takes at most so many events in one transaction.
    pub fn new(
        resources: &ConsumerResources,
        handler: H,
        store: Arc<dyn EffectStore<H::Effect>>,
        batch_limit: u32,
    ) -> Self {
        let outage = Outage::new(handler.consumer(), "events cannot be read or applied");
        Self {
            resources: resources.clone(),
            store,
            handler: Arc::new(handler),
            batch_limit: batch_limit as usize,
            outage: Arc::new(outage),
        }
    }
}

impl<H: Handler> Consuming<H> {
    /// The consumer of a partition, where its lease found the cursor.
    pub fn on_partition(&self, lease: Lease, cursor: i64) -> Consumer<H> {
        let name = self.handler.consumer();
        self.resources.metrics.passed(name, lease.partition, cursor);
        Consumer {
            shared: !self.resources.log.identity().one_writer,
            resources: self.resources.clone(),
            store: self.store.clone(),
            handler: self.handler.clone(),
            lease,
            cursor,
            durable: cursor,
            skipping_since: None,
            parked: ParkedWatch::unknown(),
            batch_limit: self.batch_limit,
            outage: self.outage.clone(),
            singly: 0,
        }
    }
}

#[async_trait]
impl<H: Handler> PartitionTask for Consuming<H> {
    fn consumer(&self) -> &'static str {
        self.handler.consumer()
    }

    fn partitions(&self) -> u16 {
        self.resources.log.identity().partitions
    }

    async fn act(
        &self,
        lease: Lease,
        cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        self.on_partition(lease, cursor).run(&stop).await
    }
}

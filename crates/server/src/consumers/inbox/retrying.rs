//! Events that an inbox has parked are tried again, by the process that has the lease of their partition.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_store::outage::Outage;
use waybill_store::{EffectStore, Error as StoreError, Lease};

use super::InboxName;
use crate::consumers::handler::Handler;
use crate::consumers::parking::Retries;
use crate::consumers::partition_task::PartitionTask;
use crate::consumers::resources::ConsumerResources;

/// Between two looks at parked events.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Retries what an [`super::Inbox`] has parked.
pub struct RetryingInbox<H: Handler> {
    name: InboxName,
    resources: ConsumerResources,
    store: Arc<dyn EffectStore<H::Effect>>,
    handler: Arc<H>,
    outage: Outage,
}

impl<H: Handler> RetryingInbox<H> {
    pub fn new(
        name: InboxName,
        resources: &ConsumerResources,
        store: Arc<dyn EffectStore<H::Effect>>,
        handler: Arc<H>,
    ) -> Self {
        Self {
            name,
            resources: resources.clone(),
            store,
            handler,
            outage: Outage::new(name.consumer, "parked events cannot be tried again"),
        }
    }
}

#[async_trait]
impl<H: Handler> PartitionTask for RetryingInbox<H> {
    fn consumer(&self) -> &'static str {
        self.name.consumer
    }

    fn partitions(&self) -> u16 {
        self.resources.log.identity().partitions
    }

    async fn act(
        &self,
        lease: Lease,
        _cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let retries = Retries {
            log: &*self.resources.log,
            store: &*self.store,
            handler: &*self.handler,
            contexts: &self.resources.contexts,
            schedule: &self.resources.schedule,
            lease: &lease,
        };
        while !stop.is_cancelled() {
            match retries.run().await {
                Ok(any) => {
                    self.outage.worked();
                    if any {
                        self.handler.applied(lease.partition);
                    }
                }
                Err(error @ StoreError::Fenced { .. }) => return Err(error),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => self.outage.failed(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }
}

//! Events that an inbox has parked are tried again, and messages that wait are settled when they are due, by the process
//! that has the lease of their partition.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Lease};

use super::Inbox;
use crate::consumers::handler::Handler;
use crate::consumers::parking::Retries;
use crate::consumers::partition_task::PartitionTask;

/// Between two looks at parked events.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// One look at parked events in so many is also one at messages that wait.
const LOOKS: u32 = 4;

/// Retries what an [`Inbox`] has parked, and settles what waits in it.
pub struct RetryingInbox<H: Handler> {
    inbox: Arc<Inbox<H>>,
    outage: Outage,
}

impl<H: Handler> RetryingInbox<H> {
    pub fn new(inbox: Arc<Inbox<H>>) -> Self {
        let consumer = inbox.name.consumer;
        Self {
            inbox,
            outage: Outage::new(consumer, "parked events cannot be tried again"),
        }
    }

    async fn look(&self, retries: &Retries<'_, H>, and_held: bool) -> Result<bool, StoreError> {
        let partition = retries.lease.partition;
        let retried = retries.run().await?;
        let mut any = retried.any;
        self.inbox.copy_dead(retried.dead).await?;
        if and_held {
            any |= self.inbox.settle_held(partition).await?;
        }
        Ok(any)
    }
}

#[async_trait]
impl<H: Handler> PartitionTask for RetryingInbox<H> {
    fn consumer(&self) -> &'static str {
        self.inbox.name.consumer
    }

    fn partitions(&self) -> u16 {
        self.inbox.resources.log.identity().partitions
    }

    async fn act(
        &self,
        lease: Lease,
        _cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let inbox = &*self.inbox;
        let retries = Retries {
            log: &*inbox.resources.log,
            store: &*inbox.store,
            handler: &*inbox.handler,
            contexts: &inbox.resources.contexts,
            schedule: &inbox.resources.schedule,
            lease: &lease,
        };
        for look in (0..LOOKS).cycle() {
            if stop.is_cancelled() {
                break;
            }
            match self.look(&retries, look == 0).await {
                Ok(any) => {
                    self.outage.worked();
                    if any {
                        inbox.handler.applied(lease.partition);
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

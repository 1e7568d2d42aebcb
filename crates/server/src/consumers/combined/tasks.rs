//! The tasks of the participants on a partition: each takes its own turns until all are present, and combined ones until
//! one leaves.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use waybill_domain::change::{DeliveryEffect, OrderEffect};
use waybill_store::outage::Outage;
use waybill_store::{Error as StoreError, Lease, TurnStore};

use super::participant::{Timers, TurnConsumer};
use super::slot::{Attached, Participant, PartitionSlot};
use crate::consumers::consuming::Consuming;
use crate::consumers::handler::Handler;
use crate::consumers::partition_task::PartitionTask;
use crate::consumers::resources::ConsumerResources;

/// The participants of all partitions.
pub struct CombinedTurns {
    pub(super) resources: ConsumerResources,
    pub(super) store: Arc<dyn TurnStore>,
    /// Shared by all partitions, so that an unavailable store is logged once and not for each partition.
    pub(super) outage: Outage,
    slots: Vec<PartitionSlot>,
}

impl CombinedTurns {
    /// Partitions without participants.
    #[must_use]
    pub fn new(resources: &ConsumerResources, store: Arc<dyn TurnStore>) -> Arc<Self> {
        let partitions = 0..resources.log.identity().partitions;
        Arc::new(Self {
            resources: resources.clone(),
            store,
            outage: Outage::new("delivery and status", "events cannot be read or applied"),
            slots: partitions.map(PartitionSlot::new).collect(),
        })
    }

    /// The task of delivery's consumer. It also takes the combined turns.
    #[must_use]
    pub fn delivery<H: Handler<Effect = DeliveryEffect>>(
        self: &Arc<Self>,
        consuming: Consuming<H>,
    ) -> impl PartitionTask {
        CombinedConsumer {
            combined: self.clone(),
            consuming,
            participant: Participant::Delivery,
            place: |attached| &mut attached.delivery,
        }
    }

    /// The task of status' consumer.
    #[must_use]
    pub fn status<H: Handler<Effect = OrderEffect>>(
        self: &Arc<Self>,
        consuming: Consuming<H>,
    ) -> impl PartitionTask {
        CombinedConsumer {
            combined: self.clone(),
            consuming,
            participant: Participant::Status,
            place: |attached| &mut attached.status,
        }
    }

    /// The task of the timers.
    #[must_use]
    pub fn timers(self: &Arc<Self>, timers: impl Timers) -> impl PartitionTask {
        CombinedTimers {
            combined: self.clone(),
            timers: Arc::new(timers),
        }
    }

    /// The participants of a partition; a store has no lease of a partition that it does not have.
    fn slot(&self, partition: u16) -> &PartitionSlot {
        &self.slots[usize::from(partition) % self.slots.len()]
    }
}

/// Where a consumer is attached.
type Place<E> = fn(&mut Attached) -> &mut Option<Box<dyn TurnConsumer<E>>>;

/// A consumer that takes part in combined turns.
struct CombinedConsumer<H: Handler> {
    combined: Arc<CombinedTurns>,
    consuming: Consuming<H>,
    participant: Participant,
    place: Place<H::Effect>,
}

#[async_trait]
impl<H: Handler> PartitionTask for CombinedConsumer<H> {
    fn consumer(&self) -> &'static str {
        self.consuming.consumer()
    }

    fn partitions(&self) -> u16 {
        self.consuming.partitions()
    }

    async fn act(
        &self,
        lease: Lease,
        cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let slot = self.combined.slot(lease.partition);
        let mut consumer: Box<dyn TurnConsumer<H::Effect>> =
            Box::new(self.consuming.on_partition(lease, cursor));
        let _registered = slot.register(self.participant);
        while !stop.is_cancelled() {
            if slot.is_complete() {
                consumer = self.together(slot, consumer, &stop).await?;
            } else {
                let until = stop.child_token();
                let alone = consumer.run_alone(&until);
                ends_with(&until, alone, slot.waits_until(true)).await?;
            }
        }
        consumer.keep_cursor().await
    }
}

impl<H: Handler> CombinedConsumer<H> {
    /// Takes part in combined turns until a participant leaves.
    async fn together(
        &self,
        slot: &PartitionSlot,
        consumer: Box<dyn TurnConsumer<H::Effect>>,
        stop: &CancellationToken,
    ) -> Result<Box<dyn TurnConsumer<H::Effect>>, StoreError> {
        let put = |attached: &mut Attached| *(self.place)(attached) = Some(consumer);
        let fenced = slot.attach(put).await;
        let until = stop.child_token();
        let turns = async {
            match self.participant {
                Participant::Delivery => self.combined.drive(slot, &until, &fenced).await,
                Participant::Timers | Participant::Status => waits(&until, &fenced).await,
            }
            Ok(())
        };
        ends_with(&until, turns, slot.waits_until(false)).await?;
        let consumer = (self.place)(&mut *slot.attached.lock().await).take();
        consumer.ok_or_else(|| refused(self.consumer()))
    }
}

/// Timers that fire in combined turns.
struct CombinedTimers {
    combined: Arc<CombinedTurns>,
    timers: Arc<dyn Timers>,
}

#[async_trait]
impl PartitionTask for CombinedTimers {
    fn consumer(&self) -> &'static str {
        self.timers.consumer()
    }

    fn partitions(&self) -> u16 {
        self.timers.partitions()
    }

    async fn act(
        &self,
        lease: Lease,
        cursor: i64,
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let slot = self.combined.slot(lease.partition);
        let _registered = slot.register(Participant::Timers);
        while !stop.is_cancelled() {
            let until = stop.child_token();
            if !slot.is_complete() {
                let alone = self.timers.act(lease.clone(), cursor, until.clone());
                ends_with(&until, alone, slot.waits_until(true)).await?;
                continue;
            }
            let part = (self.timers.clone(), lease.clone());
            let fenced = slot.attach(|attached| attached.timers = Some(part)).await;
            let turns = async {
                waits(&until, &fenced).await;
                Ok(())
            };
            ends_with(&until, turns, slot.waits_until(false)).await?;
            let part = slot.attached.lock().await.timers.take();
            part.ok_or_else(|| refused(self.consumer()))?;
        }
        Ok(())
    }
}

/// Runs `work` to its end, and asks it to end, by cancelling `until`, when `change` has come.
async fn ends_with(
    until: &CancellationToken,
    work: impl Future<Output = Result<(), StoreError>>,
    change: impl Future<Output = ()>,
) -> Result<(), StoreError> {
    let work = async {
        let worked = work.await;
        until.cancel();
        worked
    };
    let change = async {
        tokio::select! {
            () = change => until.cancel(),
            () = until.cancelled() => {}
        }
    };
    tokio::join!(work, change).0
}

/// Waits until this participant has to leave.
async fn waits(until: &CancellationToken, fenced: &CancellationToken) {
    tokio::select! {
        () = until.cancelled() => {}
        () = fenced.cancelled() => {}
    }
}

fn refused(consumer: &str) -> StoreError {
    StoreError::Fenced {
        consumer: consumer.to_owned(),
    }
}

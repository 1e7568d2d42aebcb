//! The participants of one partition: which of them this process holds, and what they work with.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;
use waybill_domain::change::{DeliveryEffect, OrderEffect};
use waybill_store::Lease;

use super::participant::{Timers, TurnConsumer};

/// A participant of combined turns.
#[derive(Clone, Copy)]
pub enum Participant {
    Delivery = 1,
    Timers = 2,
    Status = 4,
}

const ALL: u8 = Participant::Delivery as u8 | Participant::Timers as u8 | Participant::Status as u8;

/// The participants of a partition.
pub struct PartitionSlot {
    pub partition: u16,
    /// The participants that hold a lease on the partition in this process, as bits.
    present: watch::Sender<u8>,
    /// What the participants work with while turns are combined. It is locked during a turn, so that none leaves then.
    pub attached: Mutex<Attached>,
    /// Wakes the driver after a participant was attached.
    pub newly_attached: Notify,
}

/// What participants work with.
#[derive(Default)]
pub struct Attached {
    pub delivery: Option<Box<dyn TurnConsumer<DeliveryEffect>>>,
    pub timers: Option<(Arc<dyn Timers>, Lease)>,
    pub status: Option<Box<dyn TurnConsumer<OrderEffect>>>,
    /// Cancelled when the store refuses the lease of one of them.
    pub fenced: CancellationToken,
}

impl PartitionSlot {
    /// A partition without participants.
    pub fn new(partition: u16) -> Self {
        Self {
            partition,
            present: watch::Sender::new(0),
            attached: Mutex::default(),
            newly_attached: Notify::new(),
        }
    }

    /// Counts a participant as present for as long as the guard lives.
    pub fn register(&self, participant: Participant) -> Registered<'_> {
        self.present
            .send_modify(|present| *present |= participant as u8);
        Registered {
            slot: self,
            participant,
        }
    }

    /// Whether this process holds the partition for all participants.
    pub fn is_complete(&self) -> bool {
        *self.present.borrow() == ALL
    }

    /// Waits until all participants are present, or until one is missing.
    pub async fn waits_until(&self, complete: bool) {
        let mut present = self.present.subscribe();
        let changed = present.wait_for(|present| (*present == ALL) == complete);
        // No error: the sender lives as long as `self`.
        let _ = changed.await;
    }

    /// Drops what the participant works with whose lease the store has refused, and gives the others back theirs.
    pub async fn fence(&self, consumer: &str) {
        let mut attached = self.attached.lock().await;
        let is_fenced = |of: &str| of == consumer;
        attached.delivery.take_if(|of| is_fenced(of.name()));
        attached.timers.take_if(|(of, _)| is_fenced(of.consumer()));
        attached.status.take_if(|of| is_fenced(of.name()));
        std::mem::take(&mut attached.fenced).cancel();
    }

    /// Attaches a participant; returns a token that is cancelled when the store refuses a lease.
    pub async fn attach(&self, put: impl FnOnce(&mut Attached)) -> CancellationToken {
        let mut attached = self.attached.lock().await;
        put(&mut attached);
        self.newly_attached.notify_one();
        attached.fenced.clone()
    }
}

/// The presence of a participant.
pub struct Registered<'s> {
    slot: &'s PartitionSlot,
    participant: Participant,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let present = &self.slot.present;
        present.send_modify(|present| *present &= !(self.participant as u8));
    }
}

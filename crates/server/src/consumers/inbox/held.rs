//! Messages that wait, when they are due: events whose turn has come, and what a person has asked for.

use waybill_broker::message::Message;
use waybill_broker::receiver::Received;
use waybill_domain::inbox::HeldReason;
use waybill_domain::parked::ParkedState;
use waybill_store::{Error as StoreError, Held};

use super::taking::Manner;
use super::{Inbox, KnownSource, content};
use crate::consumers::handler::Handler;

/// Messages looked at in one turn.
const LOOK: usize = 64;

impl<H: Handler> Inbox<H> {
    /// Settles the messages of a partition that are due; returns whether there were any.
    pub(super) async fn settle_held(&self, partition: u16) -> Result<bool, StoreError> {
        let consumer = self.name.consumer;
        let due = self.sources.due_held(consumer, partition, LOOK).await?;
        for held in &due {
            match held.message.reason {
                HeldReason::Gap => self.settle_gap(held).await?,
                HeldReason::Unreadable => self.settle_unreadable(held).await?,
            }
        }
        Ok(!due.is_empty())
    }

    /// Takes an event that waited, if its turn has come. A person's discard gives up the events that it waits for.
    async fn settle_gap(&self, held: &Held) -> Result<(), StoreError> {
        let discard = held.state == ParkedState::Discard;
        let message = match content::message(&held.message.content) {
            Ok(message) => message,
            Err(_) if discard => return self.discard(held).await,
            Err(fault) => return self.not_settled(held, &fault.to_string()).await,
        };
        let Some(place) = held.message.place else {
            return Ok(());
        };
        let source = KnownSource {
            id: place.source,
            generation: place.at.generation,
        };
        let manner = Manner {
            give_up: discard,
            ..Manner::TOGETHER
        };
        if discard {
            log(held, &message, "the events that it waited for are given up");
        }
        self.settle(held, source, &message, manner).await
    }

    /// Takes the message that a row holds.
    pub(super) async fn settle(
        &self,
        held: &Held,
        source: KnownSource,
        message: &Message,
        manner: Manner<'_>,
    ) -> Result<(), StoreError> {
        match self.take_alone(source, message, manner).await? {
            // Does nothing when the row is gone.
            Received::Taken => self.not_settled(held, &held.message.error).await,
            Received::Later(why) => self.not_settled(held, &why).await,
        }
    }

    /// Records that a message waits on.
    pub(super) async fn not_settled(&self, held: &Held, why: &str) -> Result<(), StoreError> {
        self.sources.held_failed(held.clone(), why).await
    }
}

/// Logs what became of a message.
pub(super) fn log(held: &Held, message: &Message, what: &str) {
    let event = &message.event.event;
    let order_id = event.order_id.map(tracing::field::display);
    tracing::warn!(consumer = held.consumer, event_id = %event.id, order_id, "{what}");
}

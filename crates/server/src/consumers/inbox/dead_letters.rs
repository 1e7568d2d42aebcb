//! Copies of dead letters in the broker's own dead-letter queue, for people who watch the broker. The store has what is
//! parked, and only there it is redriven or discarded: a copy that the broker does not take is logged and not made up
//! for.

use waybill_broker::message::{Message, Source};
use waybill_domain::event::{Aggregate, LoggedEvent};
use waybill_store::Error as StoreError;

use super::Inbox;
use crate::consumers::handler::Handler;

impl<H: Handler> Inbox<H> {
    /// Copies events for which no try is left. When the broker does not take one, the others are left out too: each
    /// would wait as long.
    pub(super) async fn copy_dead(
        &self,
        dead: Vec<(LoggedEvent, String)>,
    ) -> Result<(), StoreError> {
        let Some(subscriber) = &self.subscriber else {
            return Ok(());
        };
        let mut left = dead.len();
        for (event, why) in dead {
            let Some(source) = self.source_of(event.event.aggregate).await? else {
                continue;
            };
            let message = Message {
                source,
                event,
                filler: false,
                // Parked rows have none, and a copy of a dead letter must not show any.
                personal: None,
                resend: None,
            };
            if let Err(error) = subscriber.dead_letter(&message, &why).await {
                let consumer = self.name.consumer;
                tracing::warn!(
                    consumer,
                    error,
                    copies = left,
                    "dead letters could not be copied to the broker; the store has them"
                );
                break;
            }
            left -= 1;
        }
        Ok(())
    }

    /// Where an aggregate's events come from: the store and the generation of its watermark. Its id is unique, so one store
    /// has it.
    async fn source_of(&self, aggregate: Aggregate) -> Result<Option<Source>, StoreError> {
        let consumer = self.name.consumer;
        let generations = self.sources.inbox_generations().await?;
        let adopted = generations
            .into_iter()
            .filter(|of| of.consumer == consumer && of.number.is_some());
        for of in adopted {
            let (store, generation) = (&of.store_id, &of.generation);
            let known = self.sources.inbox_source(consumer, store, generation);
            let seen = self.sources.watermarks(known.await?.id, vec![aggregate]);
            let seen = seen.await?;
            if seen
                .iter()
                .any(|(_, seen)| Some(seen.mark.generation) == of.number)
            {
                return Ok(Some(Source {
                    store_id: of.store_id,
                    generation: of.generation,
                }));
            }
        }
        Ok(None)
    }
}

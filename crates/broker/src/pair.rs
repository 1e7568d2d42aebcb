//! Two stores in one process without a broker between them: what one store publishes is handed to the receivers of the
//! other.
//!
//! Invariant: a message is confirmed only after every receiver of its topic has taken it, and only if all messages
//! before it with its key are.

use crate::message::Message;
use crate::publisher::{Published, Publisher, hold_back};
use crate::receiver::{Received, Receiver};
use async_trait::async_trait;
use parking_lot::RwLock;
use std::sync::Arc;

/// Publishes to the receivers of the other store. Both stores are open before [`Pair::connect`] is called, because
/// each publishes to the other.
#[derive(Default)]
pub struct Pair {
    receivers: RwLock<Vec<Arc<dyn Receiver>>>,
}

impl Pair {
    /// A pair whose other store is not there yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the other store's receivers. With none, messages wait.
    pub fn connect(&self, receivers: Vec<Arc<dyn Receiver>>) {
        *self.receivers.write() = receivers;
    }
}

#[async_trait]
impl Publisher for Pair {
    fn name(&self) -> &'static str {
        "pair"
    }

    /// Messages of a topic without a receiver are confirmed and dropped.
    async fn publish(&self, messages: Vec<Message>) -> Vec<Published> {
        let receivers = self.receivers.read().clone();
        if receivers.is_empty() {
            let later = Published::Later("the other store is not open yet".into());
            return vec![later; messages.len()];
        }
        let mut results = vec![Published::Confirmed; messages.len()];
        for receiver in receivers {
            let topics = receiver.topics();
            let wanted = messages.iter().enumerate();
            let wanted = wanted.filter(|(_, message)| topics.contains(&message.topic()));
            let (places, handed): (Vec<usize>, Vec<Message>) = wanted
                .map(|(place, message)| (place, message.clone()))
                .unzip();
            if handed.is_empty() {
                continue;
            }
            let mut received = receiver.receive(handed).await.into_iter();
            for place in places {
                match received.next() {
                    Some(Received::Taken) => {}
                    Some(Received::Later(why)) => results[place] = Published::Later(why),
                    None => {
                        let why = "the receiver gave no result for the message";
                        results[place] = Published::Later(why.into());
                    }
                }
            }
        }
        hold_back(&messages, &mut results);
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Source, Topic};
    use crate::receiver::{JsonObject, NotFetched};
    use crate::test_events::events;
    use crate::wire::Unreadable;
    use parking_lot::Mutex;
    use uuid::Uuid;
    use waybill_domain::event::AggregateKind;
    use waybill_domain::ids::OrderId;

    /// Takes everything but the messages at `refused` places of what it is handed.
    struct Recorder {
        topics: &'static [Topic],
        refused: Vec<usize>,
        taken: Mutex<Vec<i64>>,
    }

    #[async_trait]
    impl Receiver for Recorder {
        fn consumer(&self) -> &'static str {
            "recorder"
        }

        fn topics(&self) -> &'static [Topic] {
            self.topics
        }

        async fn receive(&self, messages: Vec<Message>) -> Vec<Received> {
            let take = |(place, message): (usize, Message)| {
                if self.refused.contains(&place) {
                    return Received::Later("not now".into());
                }
                self.taken.lock().push(message.event.position);
                Received::Taken
            };
            messages.into_iter().enumerate().map(take).collect()
        }

        async fn keep_unreadable(&self, _: Unreadable) -> Received {
            Received::Later("not here".into())
        }

        async fn fetch(&self, _: &Message, _: &str) -> Result<JsonObject, NotFetched> {
            Err(NotFetched::Never("not here".into()))
        }
    }

    fn recorder(topics: &'static [Topic], refused: Vec<usize>) -> Arc<Recorder> {
        Arc::new(Recorder {
            topics,
            refused,
            taken: Mutex::default(),
        })
    }

    /// One message per aggregate and order, at positions 1, 2, 3, …
    fn messages(of: &[(AggregateKind, u128)]) -> Vec<Message> {
        let mut messages = vec![];
        for (position, (kind, order)) in (1..).zip(of) {
            let mut event = events(position..=position).remove(0);
            event.event.aggregate.kind = *kind;
            event.event.order_id = Some(OrderId(Uuid::from_u128(*order)));
            let source = Source {
                store_id: "a".into(),
                generation: "1".into(),
            };
            messages.push(Message {
                source,
                event,
                filler: false,
                personal: None,
                resend: None,
            });
        }
        messages
    }

    fn confirmed(results: &[Published]) -> Vec<bool> {
        let confirmed = results.iter().map(|r| *r == Published::Confirmed);
        confirmed.collect()
    }

    #[tokio::test]
    async fn messages_wait_until_the_other_store_is_there() {
        let pair = Pair::new();
        let all = messages(&[(AggregateKind::Order, 1), (AggregateKind::Stock, 2)]);
        assert_eq!(confirmed(&pair.publish(all.clone()).await), [false, false]);
        let orders = recorder(&[Topic::Orders], vec![]);
        pair.connect(vec![orders.clone()]);
        assert_eq!(confirmed(&pair.publish(all).await), [true, true]);
        assert_eq!(*orders.taken.lock(), [1], "stock has no receiver here");
    }

    #[tokio::test]
    async fn a_receiver_gets_its_topics_in_the_order_of_the_log() {
        let pair = Pair::new();
        let orders = recorder(&[Topic::Orders], vec![]);
        let deliveries = recorder(&[Topic::Deliveries], vec![]);
        pair.connect(vec![orders.clone(), deliveries.clone()]);
        let all = messages(&[
            (AggregateKind::Order, 1),
            (AggregateKind::Shipment, 1),
            (AggregateKind::Delivery, 1),
            (AggregateKind::Order, 2),
        ]);
        assert_eq!(confirmed(&pair.publish(all).await), [true; 4]);
        assert_eq!(*orders.taken.lock(), [1, 4]);
        assert_eq!(*deliveries.taken.lock(), [2, 3]);
    }

    #[tokio::test]
    async fn a_message_is_not_confirmed_before_those_of_its_key_ahead_of_it() {
        let pair = Pair::new();
        pair.connect(vec![
            recorder(&[Topic::Orders], vec![0]),
            recorder(&[Topic::Deliveries], vec![]),
        ]);
        let all = messages(&[
            (AggregateKind::Order, 1),
            (AggregateKind::Order, 2),
            (AggregateKind::Shipment, 1),
            (AggregateKind::Shipment, 2),
        ]);
        let results = pair.publish(all).await;
        assert_eq!(confirmed(&results), [false, true, false, true]);
    }

    #[tokio::test]
    async fn a_missing_result_confirms_nothing() {
        struct Silent;
        #[async_trait]
        impl Receiver for Silent {
            fn consumer(&self) -> &'static str {
                "silent"
            }
            fn topics(&self) -> &'static [Topic] {
                &[Topic::Orders]
            }
            async fn receive(&self, _: Vec<Message>) -> Vec<Received> {
                vec![]
            }
            async fn keep_unreadable(&self, _: Unreadable) -> Received {
                Received::Later("not here".into())
            }
            async fn fetch(&self, _: &Message, _: &str) -> Result<JsonObject, NotFetched> {
                Err(NotFetched::Never("not here".into()))
            }
        }
        let pair = Pair::new();
        pair.connect(vec![Arc::new(Silent)]);
        let results = pair.publish(messages(&[(AggregateKind::Order, 1)])).await;
        assert_eq!(confirmed(&results), [false]);
    }
}

//! Publishing to RabbitMQ.

use super::RabbitMq;
use super::connection::confirming;
use super::error::RabbitMqError;
use super::lane::OpenLane;
use super::properties;
use crate::message::{Message, Topic};
use crate::publisher::{Published, Publisher, hold_back};
use crate::wire::{self, RawMessage, Shape};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Channel, Confirmation};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Publishing messages may take this long, connecting included.
const PUBLISH: Duration = Duration::from_secs(10);

/// Publishes to RabbitMQ.
pub struct RabbitMqPublisher(Arc<RabbitMq>);

impl RabbitMqPublisher {
    #[must_use]
    pub fn new(rabbitmq: Arc<RabbitMq>) -> Self {
        Self(rabbitmq)
    }
}

/// A message on its way, with its place in the results.
struct Entry {
    place: usize,
    raw: RawMessage,
}

/// Messages that wait: by topic and key, in order.
type Waiting = BTreeMap<Topic, BTreeMap<Uuid, VecDeque<Entry>>>;

#[async_trait]
impl Publisher for RabbitMqPublisher {
    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    async fn publish(&self, messages: Vec<Message>) -> Vec<Published> {
        let (waiting, mut results) = sorted(&messages);
        let publishing = self.0.publish(waiting, &mut results);
        let outcome = match tokio::time::timeout(PUBLISH, publishing).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.0.no_answer().await),
        };
        match outcome {
            Ok(()) => self.0.link.worked(),
            Err(error) => {
                self.0.link.failed(&error);
                let why = error.to_string();
                let open = results.iter_mut().filter(|r| **r == not_sent());
                open.for_each(|result| *result = Published::Later(why.clone()));
            }
        }
        hold_back(&messages, &mut results);
        results
    }
}

/// What a message is until something else is known of it.
fn not_sent() -> Published {
    Published::Later("a message before it was not confirmed".into())
}

/// The messages by topic and key, and a result for each.
fn sorted(messages: &[Message]) -> (Waiting, Vec<Published>) {
    let mut waiting = Waiting::new();
    let mut results = vec![not_sent(); messages.len()];
    let mut held = HashSet::new();
    for (place, message) in messages.iter().enumerate() {
        if held.contains(&message.key()) {
            continue;
        }
        let raw = wire::encode(message, Shape::RabbitMq);
        let bytes = raw.size() - raw.body.len();
        if bytes > properties::ATTRIBUTE_BYTES {
            let limit = properties::ATTRIBUTE_BYTES;
            held.insert(message.key());
            results[place] = Published::Impossible(format!(
                "its attributes have {bytes} bytes, and those of a message at most {limit}"
            ));
            continue;
        }
        let lanes = waiting.entry(message.topic()).or_default();
        let lane = lanes.entry(message.key()).or_default();
        lane.push_back(Entry { place, raw });
    }
    (waiting, results)
}

impl RabbitMq {
    /// Publishes the messages of each topic. Gives the last fault that there was; a fault of one topic's queue does not
    /// hold up the others.
    async fn publish(
        &self,
        waiting: Waiting,
        results: &mut [Published],
    ) -> Result<(), RabbitMqError> {
        let mut outcome = Ok(());
        for (topic, lanes) in waiting {
            let places: Vec<usize> = lanes.values().flatten().map(|entry| entry.place).collect();
            let published = match self.channel(topic).await {
                Ok(channel) => {
                    let queue = self.queues.topic(topic);
                    let published = publish_to(&queue, &channel, lanes, results).await;
                    self.give_back(channel, topic, &published).await;
                    published
                }
                Err(error @ RabbitMqError::OtherArguments { .. }) => Err(error),
                Err(error) => return Err(error),
            };
            if let Err(error) = published {
                let all = matches!(
                    error,
                    RabbitMqError::Missing(_) | RabbitMqError::OtherArguments { .. }
                );
                for place in places.into_iter().filter(|_| all) {
                    results[place] = Published::Later(error.to_string());
                }
                outcome = Err(error);
            }
        }
        outcome
    }

    /// A channel to publish on, with the topic's queue declared.
    async fn channel(&self, topic: Topic) -> Result<Channel, RabbitMqError> {
        let mut slot = self.lane.0.lock().await;
        let open = match slot.take() {
            Some(open) if open.connection.status().connected() => open,
            _ => OpenLane {
                connection: self.connect("waybill publisher").await?,
                idle: vec![],
                declared: BTreeSet::new(),
            },
        };
        let open = slot.insert(open);
        if open.connection.status().blocked() {
            return Err(RabbitMqError::Blocked);
        }
        if !open.declared.contains(&topic) {
            self.queues.declare(&open.connection, topic).await?;
            open.declared.insert(topic);
        }
        open.idle.retain(|channel| channel.status().connected());
        match open.idle.pop() {
            Some(channel) => Ok(channel),
            None => confirming(&open.connection).await,
        }
    }

    /// Keeps a channel for the next call, unless it failed, and forgets a queue that was removed, so that it is
    /// declared again.
    async fn give_back(
        &self,
        channel: Channel,
        topic: Topic,
        published: &Result<(), RabbitMqError>,
    ) {
        let mut slot = self.lane.0.lock().await;
        let Some(open) = slot.as_mut() else { return };
        match published {
            Ok(()) | Err(RabbitMqError::Refused(_)) => open.idle.push(channel),
            Err(RabbitMqError::Missing(_)) => {
                open.declared.remove(&topic);
            }
            Err(_) => {}
        }
    }

    /// What a call that took too long failed of. The connection is given up, except while the broker says that it
    /// accepts nothing: then a new one would not help.
    async fn no_answer(&self) -> RabbitMqError {
        let mut slot = self.lane.0.lock().await;
        if slot
            .as_ref()
            .is_some_and(|open| open.connection.status().blocked())
        {
            return RabbitMqError::Blocked;
        }
        *slot = None;
        RabbitMqError::NoAnswer(PUBLISH.as_secs())
    }
}

/// Sends the first message of each key, and the next one of a key whenever one of it was confirmed. After a fault the
/// messages of its key are not sent. Gives the last fault; gives up when a message was returned.
async fn publish_to(
    queue: &str,
    channel: &Channel,
    mut lanes: BTreeMap<Uuid, VecDeque<Entry>>,
    results: &mut [Published],
) -> Result<(), RabbitMqError> {
    let mut outcome = Ok(());
    let mut sending = FuturesUnordered::new();
    let send = |key: Uuid, entry: Entry| async move {
        let properties = properties::write(&entry.raw);
        let sent = send(channel, queue, &entry.raw.body, properties).await;
        (key, entry.place, sent)
    };
    for (key, lane) in &mut lanes {
        sending.extend(lane.pop_front().map(|entry| send(*key, entry)));
    }
    while let Some((key, place, sent)) = sending.next().await {
        match sent {
            Ok(()) => {
                results[place] = Published::Confirmed;
                let next = lanes.get_mut(&key).and_then(VecDeque::pop_front);
                sending.extend(next.map(|entry| send(key, entry)));
            }
            // Which message was returned is not known, so none of the call counts.
            Err(error @ RabbitMqError::Missing(_)) => return Err(error),
            Err(error) => {
                results[place] = Published::Later(error.to_string());
                outcome = Err(error);
            }
        }
    }
    outcome
}

/// Sends a message to a queue and waits until the broker has it.
///
/// # Errors
/// It is not known to have it.
pub async fn send(
    channel: &Channel,
    queue: &str,
    body: &[u8],
    properties: BasicProperties,
) -> Result<(), RabbitMqError> {
    let options = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    // The exchange without a name hands a message to the queue of its routing key.
    let sent = channel.basic_publish("".into(), queue.into(), options, body, properties);
    match sent.await?.await? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => Err(RabbitMqError::Missing(queue.into())),
        Confirmation::Nack(_) | Confirmation::NotRequested => {
            Err(RabbitMqError::Refused(queue.into()))
        }
    }
}

//! Publishing to Kafka.

use super::producer::Producer;
use super::{Kafka, headers};
use crate::message::Message;
use crate::publisher::{Published, Publisher, hold_back};
use crate::size_limit::SizeLimit;
use crate::wire::{RawMessage, Shape, name};
use async_trait::async_trait;
use futures::FutureExt;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{DeliveryFuture, FutureRecord};
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a message: the default of `message.max.bytes`, 1,048,588, with room for the batch around it.
pub const MESSAGE_BYTES: usize = 1_000_000;

/// A call of `publish` is answered within this time, and some seconds if records must be withdrawn.
const ANSWERED: Duration = Duration::from_secs(10);

/// A copy of a dead letter may take this long: what comes behind it waits.
const COPIED: Duration = Duration::from_secs(5);

/// Publishes to Kafka.
pub struct KafkaPublisher(Arc<Kafka>);

impl KafkaPublisher {
    #[must_use]
    pub fn new(kafka: Arc<Kafka>) -> Self {
        Self(kafka)
    }
}

/// A message on its way, with its place in the results.
struct Entry {
    place: usize,
    topic: String,
    key: String,
    raw: RawMessage,
}

#[async_trait]
impl Publisher for KafkaPublisher {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn publish(&self, messages: Vec<Message>) -> Vec<Published> {
        let later = Published::Later("a message before it was not confirmed".into());
        let mut results = vec![later; messages.len()];
        let mut entries = VecDeque::new();
        let mut held = HashSet::new();
        for (place, message) in messages.iter().enumerate() {
            if held.contains(&message.key()) {
                continue;
            }
            match self.0.entry(place, message) {
                Ok(entry) => entries.push_back(entry),
                Err(why) => {
                    held.insert(message.key());
                    results[place] = Published::Impossible(why);
                }
            }
        }
        let deadline = Instant::now() + ANSWERED;
        for (place, result) in self.0.send(entries, deadline).await {
            results[place] = result;
        }
        hold_back(&messages, &mut results);
        results
    }
}

/// A record that the producer has.
struct Sent {
    place: usize,
    delivery: DeliveryFuture,
}

impl Sent {
    /// Waits until it is confirmed.
    async fn confirmed(&mut self, deadline: Instant) -> Result<(), Failure> {
        match tokio::time::timeout_at(deadline, &mut self.delivery).await {
            Ok(Ok(Ok(_))) => Ok(()),
            Ok(Ok(Err((error, _)))) => Err(error.into()),
            Ok(Err(_)) => Err(Failure::withdrawn()),
            Err(_) => Err(Failure::late()),
        }
    }

    /// Whether it is confirmed by now.
    fn into_confirmed(self) -> bool {
        matches!(self.delivery.now_or_never(), Some(Ok(Ok(_))))
    }
}

/// Why a record was not confirmed.
struct Failure {
    code: Option<RDKafkaErrorCode>,
    text: String,
}

impl Failure {
    fn withdrawn() -> Self {
        Self {
            code: None,
            text: "it was withdrawn, because a record before it failed".into(),
        }
    }

    fn late() -> Self {
        Self {
            code: None,
            text: "the broker did not confirm in time".into(),
        }
    }
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        let code = error.rdkafka_error_code();
        let text = match code {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => format!(
                "{error}: the topic's max.message.bytes was lowered; it is read again, for which this user needs the right DescribeConfigs on the topic"
            ),
            _ => error.to_string(),
        };
        Self { code, text }
    }
}

impl Kafka {
    /// Writes a message; one that is too large goes without its body.
    fn entry(&self, place: usize, message: &Message) -> Result<Entry, String> {
        let topic = self.topic(message.topic());
        let limit = SizeLimit {
            shape: Shape::Kafka,
            bytes: self.message_bytes(&topic),
            dataref: &self.config.dataref,
        };
        let raw = limit.write(message, |raw| Ok((raw.clone(), headers::size(raw))))?;
        Ok(Entry {
            place,
            topic,
            key: message.key().to_string(),
            raw,
        })
    }

    /// Sends messages in order. A place and a result for each.
    async fn send(&self, entries: VecDeque<Entry>, deadline: Instant) -> Vec<(usize, Published)> {
        let places: Vec<usize> = entries.iter().map(|entry| entry.place).collect();
        let topics: BTreeSet<String> = entries.iter().map(|e| e.topic.clone()).collect();
        let topics: Vec<String> = topics.into_iter().collect();
        let mut confirmed = HashSet::new();
        let sending = self.try_send(&topics, entries, deadline, &mut confirmed);
        let why = match sending.await {
            Ok(()) => {
                if !places.is_empty() {
                    self.health.worked();
                }
                String::new()
            }
            Err(failure) => {
                self.look_again(failure.code);
                self.health.failed(failure.text)
            }
        };
        let result = |place| {
            if confirmed.contains(&place) {
                Published::Confirmed
            } else {
                Published::Later(why.clone())
            }
        };
        places
            .into_iter()
            .map(|place| (place, result(place)))
            .collect()
    }

    /// Sends messages in order, until one fails; says which were confirmed.
    async fn try_send(
        &self,
        topics: &[String],
        entries: VecDeque<Entry>,
        deadline: Instant,
        confirmed: &mut HashSet<usize>,
    ) -> Result<(), Failure> {
        // Before the topics are looked for: it is the producer that says why no broker can be reached.
        let producer = self.producer()?;
        let ensured = tokio::time::timeout_at(deadline, self.ensure(topics)).await;
        let ensured = ensured.map_err(|_| Failure::late())?;
        ensured.map_err(|text| Failure { code: None, text })?;
        let mut sent = VecDeque::new();
        let sending = deliver(&producer, entries, deadline, &mut sent, confirmed).await;
        if sending.is_err() {
            self.withdraw(producer).await;
            let by_now = sent
                .into_iter()
                .map(|sent| (sent.place, sent.into_confirmed()));
            confirmed.extend(by_now.filter_map(|(place, is)| is.then_some(place)));
        }
        sending
    }

    /// Puts a copy of a message into the topic of dead letters.
    pub(super) async fn copy_dead_letter(
        &self,
        topic: &str,
        message: &RawMessage,
        why: &str,
    ) -> Result<(), String> {
        let dead_letters = self.dead_letters();
        let headers = headers::with(headers::of(message), "deadletterreason", why);
        let headers = headers::with(headers, "deadlettertopic", topic);
        let key = message.attribute(name::SUBJECT).unwrap_or_default();
        let copying = self.send_one(&dead_letters, key, &message.body, headers);
        let copied = tokio::time::timeout(COPIED, copying).await;
        copied.map_err(|_| "the broker did not confirm it in time".to_owned())?
    }

    /// Sends one record, which stands in no order with others.
    pub(super) async fn send_one(
        &self,
        topic: &str,
        key: &str,
        body: &[u8],
        headers: OwnedHeaders,
    ) -> Result<(), String> {
        self.ensure(&[topic.to_owned()]).await?;
        let producer = self.producer().map_err(|error| error.to_string())?;
        let record = FutureRecord::to(topic).payload(body).headers(headers);
        let record = if key.is_empty() {
            record
        } else {
            record.key(key)
        };
        let delivery = producer.send(record);
        let delivery = delivery.map_err(|(error, _)| error.to_string())?;
        match delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(error.to_string()),
            Err(_) => Err(Failure::withdrawn().text),
        }
    }
}

/// Gives all messages to the producer, in order, and waits until they are confirmed. Stops at the first failure; what
/// the producer then still has is in `sent`.
async fn deliver(
    producer: &Producer,
    entries: VecDeque<Entry>,
    deadline: Instant,
    sent: &mut VecDeque<Sent>,
    confirmed: &mut HashSet<usize>,
) -> Result<(), Failure> {
    for entry in entries {
        let mut record = FutureRecord::to(&entry.topic)
            .key(&entry.key)
            .payload(&entry.raw.body)
            .headers(headers::of(&entry.raw));
        loop {
            match producer.send(record) {
                Ok(delivery) => {
                    let place = entry.place;
                    sent.push_back(Sent { place, delivery });
                    break;
                }
                // Full of messages of this call or of others.
                Err((error, again)) if is_full(&error) => {
                    record = again;
                    if !first_confirmed(sent, deadline, confirmed).await? {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        if Instant::now() > deadline {
                            return Err(Failure::late());
                        }
                    }
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    while first_confirmed(sent, deadline, confirmed).await? {}
    Ok(())
}

/// Waits for the oldest of the records; `false` when there is none.
async fn first_confirmed(
    sent: &mut VecDeque<Sent>,
    deadline: Instant,
    confirmed: &mut HashSet<usize>,
) -> Result<bool, Failure> {
    let Some(first) = sent.front_mut() else {
        return Ok(false);
    };
    let waited = first.confirmed(deadline).await;
    let place = first.place;
    sent.pop_front();
    waited?;
    confirmed.insert(place);
    Ok(true)
}

fn is_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}

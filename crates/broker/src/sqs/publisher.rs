//! Publishing to SQS.

use super::Sqs;
use super::attributes::{self, Written};
use super::calls::CallError;
use crate::message::{Message, Topic};
use crate::publisher::{Published, Publisher, hold_back};
use crate::size_limit::SizeLimit;
use crate::wire::Shape;
use async_trait::async_trait;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use futures::StreamExt;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

/// Entries of a batch, and bytes of a message and of a batch. Quotas of SQS; the bytes are those of before 2025, which
/// emulators still hold.
pub const BATCH_ENTRIES: usize = 10;
pub const MESSAGE_BYTES: usize = 262_144;

/// Batches that are under way at the same time.
const BATCHES_AT_ONCE: usize = 8;

/// Publishes to SQS.
pub struct SqsPublisher(Arc<Sqs>);

impl SqsPublisher {
    #[must_use]
    pub fn new(sqs: Arc<Sqs>) -> Self {
        Self(sqs)
    }
}

/// A message on its way, with its place in the results.
struct Entry {
    place: usize,
    key: Uuid,
    /// Its deduplication id.
    dedup: String,
    written: Written,
}

/// Messages that wait: by topic and key, in order.
type Waiting = BTreeMap<(Topic, Uuid), VecDeque<Entry>>;

#[async_trait]
impl Publisher for SqsPublisher {
    fn name(&self) -> &'static str {
        "sqs"
    }

    async fn publish(&self, messages: Vec<Message>) -> Vec<Published> {
        let later = Published::Later("a message before it was not confirmed".into());
        let mut results = vec![later; messages.len()];
        let mut waiting = Waiting::new();
        let mut held = HashSet::new();
        for (place, message) in messages.iter().enumerate() {
            if held.contains(&message.key()) {
                continue;
            }
            match self.0.entry(place, message) {
                Ok(entry) => {
                    let lane = waiting.entry((message.topic(), entry.key)).or_default();
                    lane.push_back(entry);
                }
                Err(why) => {
                    held.insert(message.key());
                    results[place] = Published::Impossible(why);
                }
            }
        }
        while !waiting.is_empty() {
            let round = batches(&mut waiting);
            let sent = round.into_iter().map(|batch| self.0.send(batch));
            let sent: Vec<Sent> = futures::stream::iter(sent)
                .buffer_unordered(BATCHES_AT_ONCE)
                .collect()
                .await;
            for (topic, key, place, result) in sent.into_iter().flatten() {
                if result != Published::Confirmed {
                    waiting.remove(&(topic, key));
                }
                results[place] = result;
            }
            waiting.retain(|_, lane| !lane.is_empty());
        }
        // A key's messages may go to two topics, and only those of one were held up.
        hold_back(&messages, &mut results);
        results
    }
}

/// Topic, key, place and result of each entry of a batch.
type Sent = Vec<(Topic, Uuid, usize, Published)>;

/// The first message of each key, in batches that SQS takes.
fn batches(waiting: &mut Waiting) -> Vec<(Topic, Vec<Entry>)> {
    let mut batches: Vec<(Topic, Vec<Entry>)> = vec![];
    let mut bytes = 0;
    for ((topic, _), lane) in waiting.iter_mut() {
        let Some(entry) = lane.pop_front() else {
            continue;
        };
        let size = entry.written.size;
        match batches.last_mut() {
            Some((of, batch))
                if of == topic && batch.len() < BATCH_ENTRIES && bytes + size <= MESSAGE_BYTES =>
            {
                bytes += size;
                batch.push(entry);
            }
            _ => {
                bytes = size;
                batches.push((*topic, vec![entry]));
            }
        }
    }
    batches
}

impl Sqs {
    /// Writes a message; one that is too large goes without its body.
    fn entry(&self, place: usize, message: &Message) -> Result<Entry, String> {
        let limit = SizeLimit {
            shape: Shape::Sqs,
            bytes: MESSAGE_BYTES,
            dataref: &self.dataref,
        };
        let written = limit.write(message, |raw| {
            let written = attributes::write(raw)
                .map_err(|error| format!("SQS's client refuses its attributes: {error}"))?;
            let size = written.size;
            Ok((written, size))
        })?;
        Ok(Entry {
            place,
            key: message.key(),
            dedup: message.dedup_id(),
            written,
        })
    }

    async fn send(&self, (topic, batch): (Topic, Vec<Entry>)) -> Sent {
        let places: Vec<(usize, Uuid)> = batch.iter().map(|e| (e.place, e.key)).collect();
        match self.try_send(topic, batch).await {
            Ok(failed) => {
                self.link.worked();
                let result = |index: usize| {
                    let failed = failed.iter().find(|f| f.id() == index.to_string());
                    failed.map_or(Published::Confirmed, entry_failed)
                };
                let places = places.into_iter().enumerate();
                places
                    .map(|(index, (place, key))| (topic, key, place, result(index)))
                    .collect()
            }
            Err(error) => {
                self.queues.forget(&error);
                self.link.failed(&error);
                let later = Published::Later(error.to_string());
                let places = places.into_iter();
                places
                    .map(|(place, key)| (topic, key, place, later.clone()))
                    .collect()
            }
        }
    }

    async fn try_send(
        &self,
        topic: Topic,
        batch: Vec<Entry>,
    ) -> Result<Vec<BatchResultErrorEntry>, CallError> {
        let url = self.queues.url(&self.queues.topic(topic)).await?;
        let mut call = self.calls.client.send_message_batch().queue_url(url);
        for (index, entry) in batch.into_iter().enumerate() {
            let request = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_group_id(entry.key.to_string())
                .message_deduplication_id(entry.dedup)
                .set_message_attributes(Some(entry.written.attributes))
                .message_body(entry.written.body)
                .build()
                .expect("id and body are set");
            call = call.entries(request);
        }
        Ok(call.send().await?.failed)
    }
}

/// An entry that SQS refused.
fn entry_failed(entry: &BatchResultErrorEntry) -> Published {
    let why = format!("{}: {}", entry.code(), entry.message().unwrap_or_default());
    let is_its_content = ["InvalidMessageContents", "InvalidParameterValue"]
        .iter()
        .any(|code| entry.code().contains(code));
    if is_its_content {
        Published::Impossible(why)
    } else {
        Published::Later(why)
    }
}

//! Reading SQS.

use super::Sqs;
use super::attributes;
use super::calls::{CallError, POLL_SECONDS};
use super::queues::VISIBILITY_SECONDS;
use crate::handover::{Settled, hand_over};
use crate::message::Topic;
use crate::receiver::Receiver;
use crate::subscriber::Subscriber;
use crate::wire::{RawMessage, Shape, encode, name};
use async_trait::async_trait;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Calls for messages that are under way at the same time, for each queue. SQS delivers the messages of one group to
/// one of them at a time.
const POLLERS: usize = 4;
const BATCH: i32 = 10;

/// After a call failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Reads SQS.
pub struct SqsSubscriber(Arc<Sqs>);

impl SqsSubscriber {
    #[must_use]
    pub fn new(sqs: Arc<Sqs>) -> Self {
        Self(sqs)
    }
}

#[async_trait]
impl Subscriber for SqsSubscriber {
    fn name(&self) -> &'static str {
        "sqs"
    }

    async fn run(&self, receiver: Arc<dyn Receiver>, stop: CancellationToken) {
        let topics = receiver.topics().iter();
        let polls = topics.flat_map(|topic| std::iter::repeat_n(*topic, POLLERS));
        let polls = polls.map(|topic| self.0.poll(topic, &receiver, &stop));
        futures::future::join_all(polls).await;
    }

    async fn dead_letter(
        &self,
        message: &crate::message::Message,
        why: &str,
    ) -> Result<(), String> {
        let raw = encode(message, Shape::Sqs);
        let copying = self.0.copy_dead_letter(message.topic(), &raw, why);
        copying.await.map_err(|error| error.to_string())
    }
}

impl Sqs {
    async fn poll(&self, topic: Topic, receiver: &Arc<dyn Receiver>, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.receive(topic).await {
                Ok(messages) => {
                    self.link.worked();
                    if !messages.is_empty() {
                        self.work(topic, receiver, messages, stop).await;
                    }
                }
                Err(error) => {
                    self.queues.forget(&error);
                    self.link.failed(&error);
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
    }

    async fn receive(&self, topic: Topic) -> Result<Vec<Message>, CallError> {
        let url = self.queues.url(&self.queues.topic(topic)).await?;
        let call = self.calls.client.receive_message().queue_url(url);
        let call = call
            .max_number_of_messages(BATCH)
            .wait_time_seconds(POLL_SECONDS)
            .message_attribute_names("All");
        Ok(call.send().await?.messages.unwrap_or_default())
    }

    /// Hands messages over, keeps them hidden from others meanwhile, and deletes what was taken.
    async fn work(
        &self,
        topic: Topic,
        receiver: &Arc<dyn Receiver>,
        messages: Vec<Message>,
        stop: &CancellationToken,
    ) {
        let raws: Vec<RawMessage> = messages.iter().map(attributes::read).collect();
        let working = hand_over(receiver, raws.clone(), stop);
        tokio::pin!(working);
        let third = Duration::from_secs(VISIBILITY_SECONDS.unsigned_abs().into()) / 3;
        let settled = loop {
            tokio::select! {
                settled = &mut working => break settled,
                () = tokio::time::sleep(third) => {
                    self.hide_for(topic, messages.iter(), VISIBILITY_SECONDS).await;
                }
            }
        };
        for (raw, settled) in raws.iter().zip(&settled) {
            if let Settled::Unreadable(fault) = settled {
                let copied = self.copy_dead_letter(topic, raw, &fault.to_string()).await;
                if let Err(error) = copied {
                    tracing::warn!(%error, "a dead letter could not be copied to the broker; the store has it");
                }
            }
        }
        let of = |wanted: bool| {
            let both = messages.iter().zip(&settled);
            both.filter(move |(_, settled)| settled.is_settled() == wanted)
                .map(|(message, _)| message)
        };
        self.delete(topic, of(true)).await;
        self.hide_for(topic, of(false), 0).await;
    }

    /// Deletes messages. One that cannot be deleted comes again, and the receiver knows it.
    async fn delete<'m>(&self, topic: Topic, messages: impl Iterator<Item = &'m Message>) {
        let entries = messages.enumerate().map(|(index, message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .build()
                .expect("id and handle are set")
        });
        let entries: Vec<_> = entries.collect();
        if entries.is_empty() {
            return;
        }
        let deleted = async {
            let url = self.queues.url(&self.queues.topic(topic)).await?;
            let call = self.calls.client.delete_message_batch().queue_url(url);
            call.set_entries(Some(entries)).send().await?;
            Ok::<(), CallError>(())
        };
        if let Err(error) = deleted.await {
            self.link.failed(&error);
        }
    }

    /// Shows messages to others again after some seconds, if they are not deleted before.
    async fn hide_for<'m>(
        &self,
        topic: Topic,
        messages: impl Iterator<Item = &'m Message>,
        seconds: i32,
    ) {
        let entries = messages.enumerate().map(|(index, message)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .visibility_timeout(seconds)
                .build()
                .expect("id and handle are set")
        });
        let entries: Vec<_> = entries.collect();
        if entries.is_empty() {
            return;
        }
        let shown = async {
            let url = self.queues.url(&self.queues.topic(topic)).await?;
            let call = self.calls.client.change_message_visibility_batch();
            call.queue_url(url)
                .set_entries(Some(entries))
                .send()
                .await?;
            Ok::<(), CallError>(())
        };
        if let Err(error) = shown.await {
            self.link.failed(&error);
        }
    }

    async fn copy_dead_letter(
        &self,
        topic: Topic,
        message: &RawMessage,
        why: &str,
    ) -> Result<(), CallError> {
        let mut copy = message.clone();
        copy.attributes
            .insert("deadletterreason".into(), why.into());
        let id = message.attribute(name::ID).map(str::to_owned);
        let id = id.unwrap_or_else(|| attributes::digest(&message.body));
        let group = message.attribute(name::SUBJECT).unwrap_or("unreadable");
        // No error: every attribute of the copy is text.
        let Ok(written) = attributes::write(&copy) else {
            return Ok(());
        };
        let url = self.queues.url(&self.queues.dead_letters(topic)).await?;
        let call = self.calls.client.send_message().queue_url(url);
        let call = call
            .message_group_id(group)
            .message_deduplication_id(id)
            .set_message_attributes(Some(written.attributes))
            .message_body(written.body);
        call.send().await?;
        Ok(())
    }
}

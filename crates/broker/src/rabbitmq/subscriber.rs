//! Reading RabbitMQ.

use super::RabbitMq;
use super::connection::confirming;
use super::error::RabbitMqError;
use super::properties;
use super::publisher::send;
use crate::handover::{Settled, hand_over};
use crate::message::{Message, Topic};
use crate::receiver::Receiver;
use crate::subscriber::Subscriber;
use crate::wire::{RawMessage, Shape, encode};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Consumer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Messages that the broker hands out before the first of them is acknowledged.
const PREFETCH: u16 = 500;
/// Messages that are handed over together: while they are, the next ones come in.
const BATCH: usize = 250;

/// The first pause after a failure; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Reads RabbitMQ.
pub struct RabbitMqSubscriber(Arc<RabbitMq>);

impl RabbitMqSubscriber {
    #[must_use]
    pub fn new(rabbitmq: Arc<RabbitMq>) -> Self {
        Self(rabbitmq)
    }
}

#[async_trait]
impl Subscriber for RabbitMqSubscriber {
    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    async fn run(&self, receiver: Arc<dyn Receiver>, stop: CancellationToken) {
        let topics = receiver.topics().iter();
        let readers = topics.map(|topic| self.0.follow(*topic, &receiver, &stop));
        futures::future::join_all(readers).await;
    }

    async fn dead_letter(&self, message: &Message, why: &str) -> Result<(), String> {
        let raw = encode(message, Shape::RabbitMq);
        let properties = properties::dead_letter(&properties::write(&raw), why);
        let copies = vec![(raw.body, properties)];
        let copying = self.0.copy_dead_letters(message.topic(), copies);
        copying.await.map_err(|error| error.to_string())
    }
}

/// Copying a dead letter may take this long.
const COPY: Duration = Duration::from_secs(10);

/// What one consumer has in hand.
struct Reader<'r> {
    topic: Topic,
    queue: String,
    channel: Channel,
    consumer: Consumer,
    receiver: &'r Arc<dyn Receiver>,
    /// Delivered and not handed over, at most [`PREFETCH`] with those that are.
    waiting: VecDeque<Delivery>,
}

impl RabbitMq {
    /// Puts copies into a topic's queue of dead letters. Not on the consumer's connection: the broker stops reading one
    /// that publishes when it is short of memory or disk, and with it the acknowledgements that would make room.
    async fn copy_dead_letters(
        &self,
        topic: Topic,
        copies: Vec<(Vec<u8>, BasicProperties)>,
    ) -> Result<(), RabbitMqError> {
        let copying = async {
            let connection = self.connect("waybill dead letters").await?;
            self.queues.declare(&connection, topic).await?;
            let channel = confirming(&connection).await?;
            let queue = self.queues.dead_letters(topic);
            for (body, properties) in copies {
                send(&channel, &queue, &body, properties).await?;
            }
            connection.close(200, "done".into()).await?;
            Ok(())
        };
        let copied = tokio::time::timeout(COPY, copying).await;
        copied.unwrap_or_else(|_| Err(RabbitMqError::NoAnswer(COPY.as_secs())))
    }

    /// Reads a topic's queue until `stop`, and connects again after a failure.
    async fn follow(&self, topic: Topic, receiver: &Arc<dyn Receiver>, stop: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        while !stop.is_cancelled() {
            let reading = self.read(topic, receiver, stop, &mut pause);
            let Err(error) = reading.await else { return };
            self.link.failed(&error);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn read(
        &self,
        topic: Topic,
        receiver: &Arc<dyn Receiver>,
        stop: &CancellationToken,
        pause: &mut Duration,
    ) -> Result<(), RabbitMqError> {
        let name = format!("waybill consumer {}", receiver.consumer());
        let opening = async {
            // Not the publisher's connection: the broker stops reading that one when it is short of memory.
            let connection = self.connect(&name).await?;
            let reader = self.consume(&connection, topic, receiver).await?;
            Ok::<_, RabbitMqError>((connection, reader))
        };
        let (connection, mut reader) = tokio::select! {
            opened = opening => opened?,
            () = stop.cancelled() => return Ok(()),
        };
        self.link.worked();
        *pause = FIRST_PAUSE;
        while reader.wait(stop).await? {
            self.work(&mut reader, stop).await?;
        }
        // What is in hand returns to the head of the queue in the same step in which the next consumer becomes the
        // active one. Cancelling the consumer first would make it active while this one still has messages.
        reader.channel.close(200, "stopped".into()).await?;
        connection.close(200, "stopped".into()).await?;
        Ok(())
    }

    async fn consume<'r>(
        &self,
        connection: &lapin::Connection,
        topic: Topic,
        receiver: &'r Arc<dyn Receiver>,
    ) -> Result<Reader<'r>, RabbitMqError> {
        self.queues.declare(connection, topic).await?;
        let channel = confirming(connection).await?;
        channel
            .basic_qos(PREFETCH, BasicQosOptions::default())
            .await?;
        let queue = self.queues.topic(topic);
        let consumer = channel.basic_consume(
            queue.as_str().into(),
            receiver.consumer().into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        Ok(Reader {
            topic,
            queue,
            consumer: consumer.await?,
            channel,
            receiver,
            waiting: VecDeque::new(),
        })
    }

    /// Hands a batch over and acknowledges what was taken.
    async fn work(
        &self,
        reader: &mut Reader<'_>,
        stop: &CancellationToken,
    ) -> Result<(), RabbitMqError> {
        let size = reader.waiting.len().min(BATCH);
        let batch: Vec<Delivery> = reader.waiting.drain(..size).collect();
        let raws = batch
            .iter()
            .map(|d| properties::read(&d.properties, &d.data));
        let settled = reader.hand_over(raws.collect(), stop).await?;
        reader.acknowledge(&batch, &settled).await?;
        let copies = batch
            .iter()
            .zip(&settled)
            .filter_map(|(delivery, settled)| {
                let Settled::Unreadable(fault) = settled else {
                    return None;
                };
                let properties = properties::dead_letter(&delivery.properties, &fault.to_string());
                Some((delivery.data.clone(), properties))
            });
        let copies: Vec<_> = copies.collect();
        if !copies.is_empty()
            && let Err(error) = self.copy_dead_letters(reader.topic, copies).await
        {
            tracing::warn!(%error, "dead letters could not be copied to the broker; the store has them");
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// Waits for messages; `false` after `stop`.
    async fn wait(&mut self, stop: &CancellationToken) -> Result<bool, RabbitMqError> {
        if self.waiting.is_empty() {
            let next = tokio::select! {
                next = self.consumer.next() => next,
                () = stop.cancelled() => return Ok(false),
            };
            self.keep(next)?;
        }
        while let Some(next) = self.consumer.next().now_or_never() {
            self.keep(next)?;
        }
        Ok(!stop.is_cancelled())
    }

    fn keep(&mut self, next: Option<lapin::Result<Delivery>>) -> Result<(), RabbitMqError> {
        let ended = || RabbitMqError::Ended(self.queue.clone());
        let delivery = next.ok_or_else(ended)??;
        self.waiting.push_back(delivery);
        Ok(())
    }

    /// Hands messages over. When the connection is lost meanwhile, what runs is finished, and what was not taken is not
    /// handed over again: the broker delivers all of it once more, perhaps to another process.
    async fn hand_over(
        &mut self,
        raws: Vec<RawMessage>,
        stop: &CancellationToken,
    ) -> Result<Vec<Settled>, RabbitMqError> {
        let lost = stop.child_token();
        let mut failure = Ok(());
        let handing = hand_over(self.receiver, raws, &lost);
        tokio::pin!(handing);
        loop {
            tokio::select! {
                settled = &mut handing => return failure.map(|()| settled),
                next = self.consumer.next(), if failure.is_ok() => {
                    let ended = || RabbitMqError::Ended(self.queue.clone());
                    match next.ok_or_else(ended).and_then(|next| Ok(next?)) {
                        Ok(delivery) => self.waiting.push_back(delivery),
                        Err(error) => {
                            failure = Err(error);
                            lost.cancel();
                        }
                    }
                }
            }
        }
    }

    /// Acknowledges what was taken: at once up to the first message that was not, then one by one.
    async fn acknowledge(
        &self,
        batch: &[Delivery],
        settled: &[Settled],
    ) -> Result<(), RabbitMqError> {
        let first = settled.iter().take_while(|s| s.is_settled()).count();
        if let Some(last) = batch[..first].last() {
            self.ack(last, true).await?;
        }
        let others = batch.iter().zip(settled).skip(first);
        for (delivery, _) in others.filter(|(_, settled)| settled.is_settled()) {
            self.ack(delivery, false).await?;
        }
        Ok(())
    }

    async fn ack(&self, delivery: &Delivery, multiple: bool) -> Result<(), RabbitMqError> {
        let tag = delivery.delivery_tag;
        let acknowledging = self.channel.basic_ack(tag, BasicAckOptions { multiple });
        Ok(acknowledging.await?)
    }
}

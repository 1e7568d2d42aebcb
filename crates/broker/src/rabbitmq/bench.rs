//! What the suite does at RabbitMQ besides publishing and subscribing.

use super::RabbitMq;
use super::connection::confirming;
use super::error::RabbitMqError;
use super::properties;
use super::publisher::send;
use crate::message::Topic;
use crate::wire::RawMessage;
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, QueueDeleteOptions};

impl RabbitMq {
    /// Sends a body as others would.
    ///
    /// # Errors
    /// RabbitMQ refused it.
    pub async fn send_raw(&self, topic: Topic, body: &[u8]) -> Result<(), RabbitMqError> {
        let connection = self.connect("a stranger").await?;
        self.queues.declare(&connection, topic).await?;
        let channel = confirming(&connection).await?;
        let queue = self.queues.topic(topic);
        send(&channel, &queue, body, BasicProperties::default()).await
    }

    /// The messages of the dead-letter queue beside the topic's queue.
    ///
    /// # Errors
    /// RabbitMQ refused it.
    pub async fn peek_dead_letters(&self, topic: Topic) -> Result<Vec<RawMessage>, RabbitMqError> {
        let connection = self.connect("a person").await?;
        let channel = connection.create_channel().await?;
        let queue = self.queues.dead_letters(topic);
        let mut found = vec![];
        // They return to the queue with the end of the channel.
        let get = || channel.basic_get(queue.as_str().into(), BasicGetOptions::default());
        while let Some(message) = get().await? {
            found.push(properties::read(&message.properties, &message.data));
        }
        Ok(found)
    }

    /// Deletes a topic's queue.
    ///
    /// # Errors
    /// RabbitMQ refused it.
    pub async fn delete(&self, topic: Topic) -> Result<(), RabbitMqError> {
        let connection = self.connect("a person").await?;
        let channel = connection.create_channel().await?;
        let queue = self.queues.topic(topic);
        let name = queue.as_str().into();
        let deleted = channel.queue_delete(name, QueueDeleteOptions::default());
        deleted.await?;
        Ok(())
    }
}

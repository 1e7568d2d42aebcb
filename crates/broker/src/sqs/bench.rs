//! What the suite does at SQS besides publishing and subscribing.

use super::Sqs;
use super::attributes;
use super::calls::CallError;
use crate::message::Topic;
use crate::wire::RawMessage;

impl Sqs {
    /// Sends a message as others would.
    ///
    /// # Errors
    /// SQS refused it.
    pub async fn send_raw(
        &self,
        topic: Topic,
        key: &str,
        message: &RawMessage,
    ) -> Result<(), CallError> {
        let url = self.queues.url(&self.queues.topic(topic)).await?;
        let call = self.calls.client.send_message().queue_url(url);
        let call = call
            .message_group_id(key)
            .message_deduplication_id(attributes::digest(&message.body))
            .message_body(String::from_utf8_lossy(&message.body));
        call.send().await?;
        Ok(())
    }

    /// At most ten messages of the dead-letter queue beside the topic's queue.
    ///
    /// # Errors
    /// SQS refused it.
    pub async fn peek_dead_letters(&self, topic: Topic) -> Result<Vec<RawMessage>, CallError> {
        let url = self.queues.url(&self.queues.dead_letters(topic)).await?;
        let call = self.calls.client.receive_message().queue_url(url);
        let call = call
            .max_number_of_messages(10)
            .message_attribute_names("All");
        let messages = call.send().await?.messages.unwrap_or_default();
        Ok(messages.iter().map(attributes::read).collect())
    }
}

//! What the suite does at Kafka besides publishing and subscribing.

use super::aside::aside;
use super::{Kafka, headers};
use crate::message::Topic;
use crate::wire::RawMessage;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

impl Kafka {
    /// Sends a message as others would.
    ///
    /// # Errors
    /// The broker refused it.
    pub async fn send_raw(
        &self,
        topic: Topic,
        key: &str,
        message: &RawMessage,
    ) -> Result<(), String> {
        let headers = headers::of(message);
        let topic = self.topic(topic);
        self.send_one(&topic, key, &message.body, headers).await
    }

    /// The messages in the topic of dead letters.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn peek_dead_letters(&self) -> Result<Vec<RawMessage>, String> {
        let (topic, config) = (self.dead_letters(), self.client());
        let read = aside(move || read_all(&config, &topic)).await;
        let read = read.map_err(|error| error.to_string())?;
        read.map_err(|error| error.to_string())
    }
}

fn read_all(config: &ClientConfig, topic: &str) -> KafkaResult<Vec<RawMessage>> {
    let mut config = config.clone();
    config.set("group.id", "bench");
    let consumer =
        BaseConsumer::from_config_and_context(&config, rdkafka::consumer::DefaultConsumerContext)?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let mut list = TopicPartitionList::new();
    let mut expected = 0;
    for partition in metadata
        .topics()
        .iter()
        .flat_map(rdkafka::metadata::MetadataTopic::partitions)
    {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        expected += high - low;
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let mut read = vec![];
    let began = Instant::now();
    while i64::try_from(read.len()).unwrap_or(i64::MAX) < expected && began.elapsed() < PATIENCE {
        if let Some(record) = consumer.poll(Duration::from_millis(100)) {
            read.push(headers::read(&record?));
        }
    }
    Ok(read)
}

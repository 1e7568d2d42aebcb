//! What the suite does at Kafka besides publishing and subscribing.

use super::blocking::in_thread;
use super::{Kafka, headers};
use crate::message::Topic;
use crate::wire::RawMessage;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
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

    /// Makes a topic whose messages may have so many bytes.
    ///
    /// # Errors
    /// The broker refused.
    pub async fn make_with_limit(&self, topic: Topic, bytes: usize) -> Result<(), String> {
        let (topic, bytes) = (self.topic(topic), bytes.to_string());
        let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        let new = new.set("max.message.bytes", &bytes);
        let admin = self.admin().map_err(|error| error.to_string())?;
        let made = admin.create_topics([&new], &AdminOptions::new()).await;
        drop(in_thread(move || drop(admin)));
        let made = made.map_err(|error| error.to_string())?;
        match made.into_iter().find_map(Result::err) {
            Some((_, code)) => Err(code.to_string()),
            None => Ok(()),
        }
    }

    /// The messages in the topic of dead letters.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn peek_dead_letters(&self) -> Result<Vec<RawMessage>, String> {
        let (topic, config) = (self.dead_letters(), self.client());
        let read = in_thread(move || read_all(&config, &topic)).await;
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

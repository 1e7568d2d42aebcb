//! The producer, and its end when a record failed.
//!
//! Invariant: after a record failed, the producer that had it sends nothing more. What waits in it behind the failed
//! record would be sent without it, and with another producer it is published again in order.

use super::aside::aside;
use super::health::{Health, STATISTICS_MS, Watch};
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaResult;
use rdkafka::producer::FutureProducer;
use std::sync::Arc;

/// One producer.
pub struct Producer(Option<FutureProducer<Watch>>);

impl Producer {
    /// One with the settings that every client has.
    ///
    /// # Errors
    /// A setting is refused.
    pub fn new(mut config: ClientConfig, health: Arc<Health>) -> KafkaResult<Self> {
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "5")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "2")
            // A call of `publish` gives up before that, so that no record fails alone.
            .set("message.timeout.ms", "60000")
            // The size is limited before a message comes here.
            .set("message.max.bytes", "1048576")
            .set("queue.buffering.max.kbytes", "65536")
            .set("statistics.interval.ms", STATISTICS_MS);
        let watch = Watch(health);
        let producer = FutureProducer::from_config_and_context(&config, watch)?;
        Ok(Self(Some(producer)))
    }

    pub fn get(&self) -> &FutureProducer<Watch> {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let producer = self.0.take();
        // It waits for its threads.
        drop(aside(move || drop(producer)));
    }
}

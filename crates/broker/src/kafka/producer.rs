//! The producer, and its end when a record failed.
//!
//! Invariant: after a record failed, the producer that had it sends nothing more. What waits in it behind the failed
//! record would be sent without it, and with another producer it is published again in order.

use super::health::{STATISTICS_MS, Watch};
use super::{Kafka, aside};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{FutureProducer, Producer as _, PurgeConfig};
use std::sync::Arc;
use std::time::Duration;

/// How long withdrawing may take. The threads of librdkafka answer at once, unless one of them waits for a name server.
const WITHDRAWN: Duration = Duration::from_secs(5);

/// One producer.
pub struct Producer(Option<FutureProducer<Watch>>);

impl Producer {
    fn new(kafka: &Kafka) -> KafkaResult<Self> {
        let mut config = kafka.client();
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
        let watch = Watch(kafka.health.clone());
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

impl Kafka {
    /// The producer.
    ///
    /// # Errors
    /// A setting is refused.
    pub fn producer(&self) -> KafkaResult<Arc<Producer>> {
        let mut current = self.producer.lock();
        if let Some(producer) = &*current {
            return Ok(producer.clone());
        }
        let producer = Arc::new(Producer::new(self)?);
        *current = Some(producer.clone());
        Ok(producer)
    }

    /// Ends a producer with everything that it has not sent.
    pub async fn withdraw(&self, producer: Arc<Producer>) {
        {
            let mut current = self.producer.lock();
            if current.as_ref().is_some_and(|c| Arc::ptr_eq(c, &producer)) {
                *current = None;
            }
        }
        let everything = PurgeConfig::default().queue().inflight();
        let purged = aside(move || producer.get().purge(everything));
        let purged = tokio::time::timeout(WITHDRAWN, purged).await;
        if purged.is_err() {
            tracing::warn!("records that were not confirmed could not be withdrawn in time");
        }
    }
}

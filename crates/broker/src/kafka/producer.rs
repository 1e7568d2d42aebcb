//! The producer, and its end when a record failed.
//!
//! Invariant: after a record failed, the producer that had it sends nothing more. What waits in it behind the failed
//! record would be sent without it, and with another producer it is published again in order.

use super::blocking::in_thread;
use super::health::{Health, STATISTICS_MS, Watch};
use parking_lot::RwLock;
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::ToBytes;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _, PurgeConfig};
use std::sync::Arc;

/// What a record is refused with after another failed.
const ENDED: KafkaError = KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue);

/// One producer.
pub struct Producer {
    client: Option<FutureProducer<Watch>>,
    /// Whether a record failed. It is read while a record is handed in, so that none is after it was set.
    ended: RwLock<bool>,
}

impl Producer {
    /// One with the settings that every client has, whose batches have so many bytes at most.
    ///
    /// # Errors
    /// A setting is refused.
    pub fn new(
        mut config: ClientConfig,
        batch_bytes: usize,
        health: Arc<Health>,
    ) -> KafkaResult<Self> {
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "5")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "2")
            // A topic's limit is for a batch, so that small records together can exceed it too.
            .set("batch.size", batch_bytes.to_string())
            // Longer than a call of `publish` takes: that withdraws all that it has in hand before single records expire.
            .set("message.timeout.ms", "60000")
            // The size is limited before a message comes here.
            .set("message.max.bytes", "1048576")
            .set("queue.buffering.max.kbytes", "65536")
            .set("statistics.interval.ms", STATISTICS_MS);
        let watch = Watch(health);
        let producer = FutureProducer::from_config_and_context(&config, watch)?;
        Ok(Self {
            client: Some(producer),
            ended: RwLock::new(false),
        })
    }

    pub fn client(&self) -> &FutureProducer<Watch> {
        self.client
            .as_ref()
            .expect("it is there until it is dropped")
    }

    /// Hands in a record; gives it back when it is not taken. After a record failed none is, also not of a call that runs
    /// meanwhile: its earlier records are withdrawn with the failed one, and later ones would overtake them.
    ///
    /// # Errors
    /// The queue is full, or a record failed.
    pub fn send<'r, K, P>(
        &self,
        record: FutureRecord<'r, K, P>,
    ) -> Result<DeliveryFuture, (KafkaError, FutureRecord<'r, K, P>)>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let ended = self.ended.read();
        if *ended {
            return Err((ENDED, record));
        }
        self.client().send_result(record)
    }

    /// Ends it with everything that it has not sent; blocks until that is withdrawn.
    pub fn withdraw(&self) {
        *self.ended.write() = true;
        self.client()
            .purge(PurgeConfig::default().queue().inflight());
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let producer = self.client.take();
        // It waits for its threads.
        drop(in_thread(move || drop(producer)));
    }
}

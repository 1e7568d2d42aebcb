//! The producer that a connection has, until a record failed.

use super::Kafka;
use super::blocking::in_thread;
use super::producer::Producer;
use rdkafka::error::KafkaResult;
use std::sync::Arc;
use std::time::Duration;

/// How long withdrawing may take. The threads of librdkafka answer at once, unless one of them waits for a name server.
const WITHDRAWN: Duration = Duration::from_secs(5);

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
        let producer = Arc::new(Producer::new(
            self.client(),
            self.batch_bytes(),
            self.health.clone(),
        )?);
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
        let purged = in_thread(move || producer.withdraw());
        let purged = tokio::time::timeout(WITHDRAWN, purged).await;
        if purged.is_err() {
            tracing::warn!("records that were not confirmed could not be withdrawn in time");
        }
    }
}

//! Topics are made when they are missing.

use super::Kafka;
use super::aside::aside;
use super::health::Watch;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Duration;

/// Partitions of a topic that is made, unless the settings say otherwise.
pub const PARTITIONS: u16 = 6;

/// The broker's default.
const REPLICATION: TopicReplication<'static> = TopicReplication::Fixed(-1);

const CALL: Duration = Duration::from_secs(5);

impl Kafka {
    /// Makes those of the topics that are missing. Retention and replication are the broker's defaults.
    ///
    /// # Errors
    /// The broker does not answer or refuses.
    pub async fn ensure(&self, topics: &[String]) -> Result<(), String> {
        let missing: Vec<&String> = {
            let known = self.known.lock();
            let topics = topics.iter();
            topics.filter(|topic| !known.contains(*topic)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let made = self.make(&missing).await;
        for result in made.map_err(|error| error.to_string())? {
            match result {
                Ok(_) => {}
                Err((topic, code)) if is_there(code) => tracing::debug!(topic, "{code}"),
                Err((topic, code)) => return Err(format!("topic {topic} cannot be made: {code}")),
            }
        }
        let missing = missing.into_iter().cloned();
        self.known.lock().extend(missing);
        Ok(())
    }

    async fn make(
        &self,
        topics: &[&String],
    ) -> Result<Vec<rdkafka::admin::TopicResult>, KafkaError> {
        let watch = Watch(self.health.clone());
        let admin = AdminClient::from_config_and_context(&self.client(), watch)?;
        let partitions = i32::from(self.config.partitions);
        let topics: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|topic| NewTopic::new(topic, partitions, REPLICATION))
            .collect();
        let options = AdminOptions::new();
        let options = options
            .request_timeout(Some(CALL))
            .operation_timeout(Some(CALL));
        let made = admin.create_topics(&topics, &options).await;
        // It waits for its threads.
        drop(aside(move || drop(admin)));
        made
    }

    /// Looks for the topics again, if an error says that one is gone.
    pub fn look_again(&self, code: Option<RDKafkaErrorCode>) {
        use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
        if let Some(UnknownPartition | UnknownTopic | UnknownTopicOrPartition) = code {
            self.known.lock().clear();
        }
    }
}

/// Whether a topic need not be made: it is there, or others make the topics here, and using it says whether they did.
fn is_there(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, TopicAlreadyExists, TopicAuthorizationFailed,
    };
    matches!(
        code,
        TopicAlreadyExists | TopicAuthorizationFailed | ClusterAuthorizationFailed
    )
}

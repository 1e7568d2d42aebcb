//! Topics are made when they are missing.

use super::Kafka;
use super::blocking::in_thread;
use super::health::Watch;
use super::publisher::MESSAGE_BYTES;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::Duration;

/// Partitions of a topic that is made, unless the settings say otherwise.
pub const PARTITIONS: u16 = 6;

/// The broker's default.
const REPLICATION: TopicReplication<'static> = TopicReplication::Fixed(-1);

const CALL: Duration = Duration::from_secs(5);

/// Bytes of the batch around a record, with room: the topic's limit is for both.
const BATCH_BYTES: usize = 4_096;

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(CALL))
        .operation_timeout(Some(CALL))
}

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
        let limits = self.limits(&missing).await;
        self.message_limits.lock().extend(limits);
        let missing = missing.into_iter().cloned();
        self.known.lock().extend(missing);
        Ok(())
    }

    /// Bytes of a message in a topic: fewer than elsewhere, where the topic was made with a lower limit.
    pub fn message_bytes(&self, topic: &str) -> usize {
        let limits = self.message_limits.lock();
        let of_topic = limits.get(topic).copied().unwrap_or(usize::MAX);
        MESSAGE_BYTES.min(of_topic.saturating_sub(BATCH_BYTES))
    }

    /// Bytes of a batch that every topic takes whose limit is known.
    pub fn batch_bytes(&self) -> usize {
        let limits = self.message_limits.lock();
        let lowest = limits.values().copied().min().unwrap_or(usize::MAX);
        MESSAGE_BYTES.min(lowest.saturating_sub(BATCH_BYTES)).max(1)
    }

    /// The limits of topics, as far as the broker tells them. Of one that it does not tell, a record that is too large is
    /// refused.
    async fn limits(&self, topics: &[&String]) -> Vec<(String, usize)> {
        let asked: Vec<ResourceSpecifier<'_>> = topics
            .iter()
            .map(|topic| ResourceSpecifier::Topic(topic))
            .collect();
        let described = match self.admin() {
            Ok(admin) => {
                let described = admin.describe_configs(&asked, &options()).await;
                // It waits for its threads.
                drop(in_thread(move || drop(admin)));
                described
            }
            Err(error) => Err(error),
        };
        let described = described.unwrap_or_else(|error| {
            tracing::debug!(%error, "the limits of topics cannot be read");
            vec![]
        });
        let limit = |of: ConfigResource| {
            let OwnedResourceSpecifier::Topic(topic) = &of.specifier else {
                return None;
            };
            let limit = of.get("max.message.bytes")?.value.as_ref()?.parse().ok()?;
            Some((topic.clone(), limit))
        };
        described
            .into_iter()
            .filter_map(|of| of.ok().and_then(limit))
            .collect()
    }

    pub(super) fn admin(&self) -> Result<AdminClient<Watch>, KafkaError> {
        let watch = Watch(self.health.clone());
        AdminClient::from_config_and_context(&self.client(), watch)
    }

    async fn make(
        &self,
        topics: &[&String],
    ) -> Result<Vec<rdkafka::admin::TopicResult>, KafkaError> {
        let admin = self.admin()?;
        let partitions = i32::from(self.config.partitions);
        let topics: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|topic| NewTopic::new(topic, partitions, REPLICATION))
            .collect();
        let made = admin.create_topics(&topics, &options()).await;
        // It waits for its threads.
        drop(in_thread(move || drop(admin)));
        made
    }

    /// Looks at the topics again, if an error says that one is gone or has another limit.
    pub fn look_again(&self, code: Option<RDKafkaErrorCode>) {
        use RDKafkaErrorCode::{
            MessageSizeTooLarge, UnknownPartition, UnknownTopic, UnknownTopicOrPartition,
        };
        if let Some(
            UnknownPartition | UnknownTopic | UnknownTopicOrPartition | MessageSizeTooLarge,
        ) = code
        {
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

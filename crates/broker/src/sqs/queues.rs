//! The queues: their names, and their addresses once they were found or made.

use super::calls::{CallError, Calls};
use crate::message::Topic;
use aws_sdk_sqs::types::QueueAttributeName;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Seconds for which a message that was delivered is hidden from others; extended while it is worked on.
pub const VISIBILITY_SECONDS: i32 = 30;

/// Seconds for which a queue keeps a message: 14 days, the longest that SQS allows. It bounds queues that only others
/// read.
const RETENTION_SECONDS: i32 = 1_209_600;

/// The addresses of queues.
pub struct Queues {
    calls: Calls,
    prefix: String,
    known: Mutex<HashMap<String, String>>,
}

impl Queues {
    pub fn new(calls: Calls, prefix: &str) -> Self {
        Self {
            calls,
            prefix: prefix.to_owned(),
            known: Mutex::default(),
        }
    }

    /// The queue of a topic.
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}.fifo", self.prefix, topic.sqs())
    }

    /// The dead-letter queue beside it.
    pub fn dead_letters(&self, topic: Topic) -> String {
        format!("{}{}-dlq.fifo", self.prefix, topic.sqs())
    }

    /// The address of a queue, which is made when it is missing.
    pub async fn url(&self, name: &str) -> Result<String, CallError> {
        if let Some(url) = self.known.lock().get(name) {
            return Ok(url.clone());
        }
        let client = &self.calls.client;
        let found = client.get_queue_url().queue_name(name).send().await;
        let url = match found.map_err(CallError::from) {
            Ok(found) => found.queue_url,
            Err(error) if error.is_missing_queue() => {
                let attributes = [
                    (QueueAttributeName::FifoQueue, "true".to_owned()),
                    (
                        QueueAttributeName::VisibilityTimeout,
                        VISIBILITY_SECONDS.to_string(),
                    ),
                    (
                        QueueAttributeName::MessageRetentionPeriod,
                        RETENTION_SECONDS.to_string(),
                    ),
                ];
                let made = client
                    .create_queue()
                    .queue_name(name)
                    .set_attributes(Some(attributes.into()))
                    .send()
                    .await;
                made.map_err(CallError::from)?.queue_url
            }
            Err(error) => return Err(error),
        };
        // SQS names the address of every queue that it has.
        let url = url.unwrap_or_default();
        self.known.lock().insert(name.to_owned(), url.clone());
        Ok(url)
    }

    /// Forgets addresses, so that a queue that was removed is made again.
    pub fn forget(&self, error: &CallError) {
        if error.is_missing_queue() {
            self.known.lock().clear();
        }
    }
}

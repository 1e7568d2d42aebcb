//! The calls of the SQS API that are used, with bounds and with errors that say what to do.

use super::config::SqsConfig;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use std::time::Duration;

/// A call may take this long; a long poll waits [`POLL_SECONDS`] of it.
const CALL: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(2);

/// How long a call for messages waits for one. Short, so that a process that stops does not wait long.
pub const POLL_SECONDS: i32 = 2;

/// The client.
#[derive(Clone)]
pub struct Calls {
    pub client: aws_sdk_sqs::Client,
}

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct CallError {
    /// The service's own code, if it answered.
    pub code: Option<String>,
    text: String,
}

impl CallError {
    /// Whether the queue was removed.
    pub fn is_missing_queue(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        code.contains("QueueDoesNotExist") || code.contains("NonExistentQueue")
    }
}

impl<E: std::error::Error + ProvideErrorMetadata + 'static, R: std::fmt::Debug + 'static>
    From<SdkError<E, R>> for CallError
{
    fn from(error: SdkError<E, R>) -> Self {
        let code = error.code().map(str::to_owned);
        let text = match (&code, error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            (None, _) => DisplayErrorContext(&error).to_string(),
        };
        Self { code, text }
    }
}

impl Calls {
    pub fn new(config: &SqsConfig) -> Self {
        let (id, secret) = &config.credentials;
        let token = config.session_token.clone();
        let mut builder = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(Credentials::new(id, secret, token, None, "settings"))
            // The relay and the subscriber try again themselves, and say so.
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT)
                    .operation_timeout(CALL)
                    .build(),
            );
        if !config.endpoint.is_empty() {
            builder = builder.endpoint_url(&config.endpoint);
        }
        Self {
            client: aws_sdk_sqs::Client::from_conf(builder.build()),
        }
    }
}

//! Where SQS is.

/// Where SQS is, and how it is used.
#[derive(Clone, Debug)]
pub struct SqsConfig {
    /// The endpoint, as `http://127.0.0.1:9324`; empty means Amazon's of the region.
    pub endpoint: String,
    pub region: String,
    /// Access key and its secret.
    pub credentials: (String, String),
    /// With temporary credentials only.
    pub session_token: Option<String>,
    /// What the names of all queues begin with; usually nothing.
    pub prefix: String,
    /// The address of this service's `/v1`, for events that are too large for a message. Empty: such events cannot be
    /// sent.
    pub dataref: String,
}

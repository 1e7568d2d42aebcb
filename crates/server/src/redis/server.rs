//! One connection to Redis, behind a circuit breaker.
//!
//! Invariants: no request waits for a connection to be made, nor for a server that is known to be away: a task connects,
//! and makes the one call that tries whether an open circuit may close. A request waits at most for `cache.timeout_ms`,
//! once, when it is the first to find out that the server is gone. Address and errors are shown without the login.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError};
use tokio::sync::oneshot;
use waybill_broker::link::Link;

use crate::clock::Clock;
use crate::config;
use crate::resilience::breaker::{Breaker, CallError, State};
use crate::resilience::shared_limit::NotTaken;

/// How long a connection and its first answer may take. No request waits for it.
const CONNECT_PATIENCE: config::Millis = config::Millis::new(2_000);

/// The key that is written to see whether the server takes values: one that can only be read is of no use.
const PROBE: &str = "waybill:probe";
const PROBE_MS: u32 = 60_000;

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}", in_words(.0))]
    Redis(#[from] RedisError),
    #[error("no answer within {} ms", .0.as_millis())]
    Silent(Duration),
}

/// A Redis as this process uses it.
pub struct Server {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    pub breaker: Arc<Breaker>,
    pub link: Arc<Link>,
    timeout: Duration,
    retry: Duration,
}

/// A client for a URL; `None` when the driver does not understand it. What the driver says is left out: it may quote the
/// URL.
pub fn client(url: &str) -> Option<Client> {
    Client::open(url).ok()
}

impl Server {
    /// The Redis of the settings, not yet connected; `None` when their URL is not understood.
    pub fn of(settings: &config::Cache, clock: Arc<dyn Clock>) -> Option<Self> {
        let url = settings.url.expose();
        let breaker = config::Breaker {
            failure_threshold: 1,
            timeout_ms: CONNECT_PATIENCE,
            reset_timeout_ms: settings.retry_ms,
        };
        Some(Self {
            client: client(url)?,
            connection: Mutex::default(),
            breaker: Arc::new(Breaker::new(breaker, clock)),
            link: Arc::new(Link::new("redis", config::shown_redis_address(url))),
            timeout: settings.timeout_ms.duration(),
            retry: settings.retry_ms.duration(),
        })
    }

    /// Asks something for a request.
    ///
    /// # Errors
    /// The server is away, or did not answer as it should within the timeout.
    pub async fn ask<T, F>(
        &self,
        work: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, NotTaken>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let connection = self.connection.lock().clone();
        // Whether an open circuit may close is tried by `watch`, so that no request waits for it.
        let is_closed = self.breaker.snapshot().state == State::Closed;
        let Some(connection) = connection.filter(|_| is_closed) else {
            return Err(NotTaken::Away);
        };
        let answer = self.breaker.call(async {
            let answer = tokio::time::timeout(self.timeout, work(connection)).await;
            Ok(answer.map_err(|_elapsed| Failure::Silent(self.timeout))??)
        });
        self.settle(answer.await)
    }

    /// Connects, looks whether the server is there, and tries again while it is away. Runs until it is dropped.
    /// `first_look` is told when it knows more.
    pub async fn watch(&self, first_look: oneshot::Sender<()>) {
        let mut first_look = Some(first_look);
        loop {
            let looked = self.breaker.call(async {
                let mut connection = self.connected().await?;
                let mut look = redis::cmd("SET");
                look.arg(PROBE).arg(1).arg("PX").arg(PROBE_MS);
                let answer = look.query_async::<()>(&mut connection);
                let answer = tokio::time::timeout(self.timeout, answer).await;
                Ok(answer.map_err(|_elapsed| Failure::Silent(self.timeout))??)
            });
            let looked = looked.await;
            let wait = match looked {
                Err(CallError::Open { retry_after_ms }) => Duration::from_millis(retry_after_ms),
                Ok(()) | Err(CallError::Timeout { .. } | CallError::Failed(_)) => self.retry,
            };
            // Health has the result, and nothing waits for the first look any more when it took long.
            let _known = self.settle(looked);
            let _waited = first_look.take().map(|looked| looked.send(()));
            tokio::time::sleep(wait).await;
        }
    }

    async fn connected(&self) -> Result<MultiplexedConnection, RedisError> {
        if let Some(connection) = self.connection.lock().clone() {
            return Ok(connection);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_PATIENCE.duration()))
            .set_response_timeout(Some(self.timeout));
        let client = &self.client;
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let connection = connection.await?;
        *self.connection.lock() = Some(connection.clone());
        Ok(connection)
    }

    /// Tells health about the result of a call.
    fn settle<T>(&self, result: Result<T, CallError<Failure>>) -> Result<T, NotTaken> {
        match result {
            Ok(answer) => {
                self.link.worked();
                return Ok(answer);
            }
            Err(CallError::Open { .. }) => return Err(NotTaken::Away),
            Err(CallError::Failed(why)) => self.link.failed(why),
            Err(why @ CallError::Timeout { .. }) => self.link.failed(why),
        }
        // It is broken, or hangs: the next try makes a new one.
        self.connection.lock().take();
        Err(NotTaken::Failed)
    }
}

/// What went wrong, and what to look at.
fn in_words(error: &RedisError) -> String {
    let refused = matches!(error.code(), Some("WRONGPASS" | "NOAUTH" | "NOPERM"));
    if refused || error.kind() == ErrorKind::AuthenticationFailed {
        return "it refuses the login in cache.url (REDIS_URL, REDIS_PASSWORD)".into();
    }
    error.to_string()
}

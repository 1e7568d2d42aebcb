//! One connection to Redis, behind a circuit breaker.
//!
//! Invariants: no request waits for a connection to be made, nor for a server that is known to be away: a task looks for
//! it ([`Server::look`]), which connects and tries whether an open circuit may close. A request waits at most for
//! `cache.timeout_ms`, once, when it is the first to find out that the server is gone. Address and errors are shown
//! without the login.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError};
use waybill_broker::link::Link;

use crate::clock::Clock;
use crate::config;
use crate::resilience::breaker::{Breaker, CallError, State};
use crate::resilience::circuit_log::CircuitLog;
use crate::resilience::shared_limit::NotTaken;

/// How long a connection and its first answer may take. No request waits for it.
const CONNECT_PATIENCE: config::Millis = config::Millis::new(2_000);

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
    pub fn of(
        settings: &config::Cache,
        clock: Arc<dyn Clock>,
        circuits: &Arc<CircuitLog>,
    ) -> Option<Self> {
        let url = settings.url.expose();
        let breaker = config::Breaker {
            failure_threshold: 1,
            timeout_ms: CONNECT_PATIENCE,
            reset_timeout_ms: settings.retry_ms,
        };
        Some(Self {
            client: client(url)?,
            connection: Mutex::default(),
            breaker: Arc::new(Breaker::new(breaker, clock).noted_as("redis", circuits)),
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
        // Whether an open circuit may close is tried by `look`, so that no request waits for it.
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

    /// Connects if there is no connection, and does `work` to see whether the server is there; how long to wait before
    /// the next look. No request waits for it.
    pub async fn look<T, F>(&self, work: impl FnOnce(MultiplexedConnection) -> F) -> Duration
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let looked = self.breaker.call(async {
            let connection = self.connected().await?;
            let answer = tokio::time::timeout(self.timeout, work(connection)).await;
            Ok(answer.map_err(|_elapsed| Failure::Silent(self.timeout))??)
        });
        let looked = looked.await;
        let wait = match looked {
            Err(CallError::Open { retry_after_ms }) => Duration::from_millis(retry_after_ms),
            Ok(_) | Err(CallError::Timeout { .. } | CallError::Failed(_)) => self.retry,
        };
        // Health has the result.
        let _known = self.settle(looked);
        wait
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
    let is_refused = matches!(error.code(), Some("WRONGPASS" | "NOAUTH"));
    if is_refused || error.kind() == ErrorKind::AuthenticationFailed {
        return "it refuses the login in cache.url (REDIS_URL, REDIS_PASSWORD)".into();
    }
    if error.code() == Some("NOPERM") {
        let lacked = lacked_right(error.detail().unwrap_or_default());
        return format!("the login in cache.url may not {lacked}; it needs {RIGHTS}");
    }
    error.to_string()
}

/// What the calls of this process use.
const RIGHTS: &str = "EVALSHA, SCRIPT LOAD, TIME, GET and SET, on keys that begin with waybill:";

/// What a login may not do, by Redis's words for it, which name the login too.
fn lacked_right(words: &str) -> String {
    match words.split('\'').nth(1) {
        Some(command) => format!("use {}", command.to_uppercase()),
        None => "use these keys".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::lacked_right;

    #[test]
    fn a_right_that_is_lacked_is_named_without_the_login() {
        for (words, right) in [
            (
                "User app has no permissions to run the 'evalsha' command",
                "use EVALSHA",
            ),
            (
                "this user has no permissions to run the 'set' command",
                "use SET",
            ),
            ("No permissions to access a key", "use these keys"),
            ("", "use these keys"),
        ] {
            assert_eq!(lacked_right(words), right, "{words}");
        }
    }
}

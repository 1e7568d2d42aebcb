//! Errors that say what to do.

use std::time::Duration;

/// Connecting may take this long.
pub const CONNECT: Duration = Duration::from_secs(5);

/// Why RabbitMQ could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RabbitMqError {
    #[error("the address is not of the form amqp://user:password@host:port/vhost")]
    NoAddress,
    #[error(
        "amqps:// is not supported by this version: use amqp:// on a network that is trusted, or through a TLS proxy"
    )]
    Tls,
    #[error("no connection within {} s", CONNECT.as_secs())]
    Unreachable,
    #[error("{0}")]
    Client(#[from] lapin::Error),
    #[error(
        "the queue {queue} exists with other arguments ({source}): when its messages were read, delete it, and it is declared anew; or set broker.prefix"
    )]
    OtherArguments { queue: String, source: lapin::Error },
    #[error("the broker accepts no messages now: it is short of memory or of disk")]
    Blocked,
    #[error("{0} was refused: the queue is full, or its leader is away")]
    Refused(String),
    #[error("{0} is missing; it is declared again")]
    Missing(String),
    #[error("the broker ended the consumer of {0}: the queue was deleted, or its leader is away")]
    Ended(String),
    #[error("no answer within {0} s")]
    NoAnswer(u64),
}

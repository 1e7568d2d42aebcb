//! HTTP client of a running Waybill, for the commands that call its API.
//!
//! Owns the server's address (`target`), one keep-alive connection (`connection`), requests and answers
//! (`api`), refusals of every dialect (`refusal`, `error`), `Retry-After` (`retry_after`) and event streams
//! (`events`).
//! Invariant: every wait has a bound and every answer is read up to a limit; a refusal reaches the
//! user with the server's own code and words.
//! Left to others: what a command means (`cli`), and TLS (put a proxy in front, or use a tunnel).

#![cfg_attr(not(test), deny(clippy::use_debug))]

mod api;
mod connection;
mod error;
mod events;
mod lenient;
mod refusal;
mod retry_after;
mod target;

#[cfg(test)]
pub(crate) mod fake_server;

pub use api::{Answer, Client, Query};
pub use connection::{Connection, Exchange};
pub use error::ClientError;
pub use events::{EventStream, ServerEvent};
pub use refusal::Refusal;
pub use retry_after::retry_after;
pub use target::{Target, path_segment};

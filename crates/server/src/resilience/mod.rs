//! Keeps a fault of one component from spreading: circuit breakers around calls to other services, a limit on requests
//! per client, and a signal that orders flood in.
//!
//! Retries of events are left to the consumers, which make them durable.

pub mod breaker;
pub mod flood;
pub mod rate_limit;

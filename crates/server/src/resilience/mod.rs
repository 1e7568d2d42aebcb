//! Keeps a fault of one component from spreading: circuit breakers around calls to other services, limits on what one
//! client may ask and hold, memory for request bodies, queues of commands on one thing, and a signal that orders flood in.
//!
//! Retries of events are left to the consumers, which make them durable.

pub mod breaker;
pub mod budget;
pub mod flood;
pub mod rate_limit;
pub mod shares;
pub mod turns;

//! Keeps a fault of one component from spreading: circuit breakers around calls to other services, limits on the rate
//! and the resources of one client, memory for request bodies, queues of commands on one thing, and detection of floods.
//!
//! Retries of events are left to the consumers, which make them durable.

pub mod breaker;
pub mod budget;
pub mod circuit_log;
pub mod flood;
pub mod quota;
pub mod rate_limit;
pub mod remembered;
pub mod shared_limit;
pub mod shares;
pub mod turns;
pub mod wrong_secrets;

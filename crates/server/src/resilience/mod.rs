//! Keeps one part's trouble from becoming another's: circuit breakers around calls that leave the
//! process, and a limit on how much one client may ask.
//!
//! It leaves retries of events to the consumers, which keep them durably.

pub mod breaker;
pub mod flood;
pub mod rate_limit;

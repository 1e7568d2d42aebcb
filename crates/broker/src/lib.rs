//! How events leave the log and enter consumers.
//!
//! Owns transport, not meaning: what an event does is decided by its consumer. **Invariant:** whatever stands
//! between, a consumer sees the events of an order in the order of the log. External brokers stand behind
//! features; without one, consumers read the log itself through [`embedded`].

pub mod embedded;

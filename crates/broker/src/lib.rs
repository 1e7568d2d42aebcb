//! How events leave the log and enter consumers.
//!
//! Owns transport, not meaning: what an event does is decided by its consumer. **Invariant:** with every transport a
//! consumer sees the events of an order in the order of the log. External brokers are behind features;
//! without one, consumers read the log itself: [`log_cache`] keeps its newest end in memory, [`log_growth`]
//! wakes its readers, and [`embedded`] feeds both from the commits of the store.

pub mod embedded;
pub mod log_cache;
pub mod log_growth;
#[cfg(test)]
mod test_events;

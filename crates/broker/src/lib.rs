//! How events leave the log and enter consumers.
//!
//! Owns transport, not meaning: what an event does is decided by its consumer. **Invariant:** with every transport a
//! consumer sees the events of an order in the order of the log. Consumers of a
//! store read its log themselves: [`log_cache`] keeps its newest end in memory, [`log_growth`] wakes its readers, and
//! [`embedded`] feeds both from the commits of the store. To other stores an event goes as a [`message`], through a
//! [`publisher`], and comes in through a [`subscriber`], which gives it to a [`receiver`]. [`pair`] joins two stores of
//! one process; external brokers are behind features, and [`wire`] is the form that messages have there.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod embedded;
pub mod handover;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod link;
pub mod log_cache;
pub mod log_growth;
pub mod message;
pub mod names;
pub mod pair;
pub mod publisher;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
pub mod receiver;
pub mod size_limit;
#[cfg(feature = "sqs")]
pub mod sqs;
pub mod subscriber;
#[cfg(test)]
mod test_events;
pub mod wire;

//! Combined turns: delivery, the timers of shipments and status work in one transaction, where one process runs both
//! roles on a store that holds both sides. Transactions are most of what an order costs after its acceptance; this
//! makes one of up to six.
//!
//! Each participant keeps its own lease and its own cursor on each partition. While this process holds a partition for
//! all of them, their turns are combined; otherwise each takes its own, as `super::consumer` does.

#[cfg(feature = "planted-defects")]
mod defects;
mod driver;
mod participant;
mod slot;
mod tasks;
mod turn;

pub use participant::Timers;
pub use tasks::CombinedTurns;

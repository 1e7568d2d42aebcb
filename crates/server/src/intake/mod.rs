//! Intake: orders are committed in groups. Handlers submit checked orders and wait; all waiting orders become one
//! batch.
//!
//! Invariant: an order that is in a batch gets the result of that batch and nothing else. An order that waited too long
//! is withdrawn only if no batch has it, so a 408 means that the order was not made.

pub mod claims;
pub mod draft;
pub mod place;
mod queue;
mod stored;

pub use queue::{Intake, IntakeError};

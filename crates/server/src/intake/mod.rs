//! Intake: group commit at the door. Handlers hand in checked orders and wait; whatever waits becomes one batch.
//!
//! Invariant: an order that was taken into a batch is answered with what became of that batch and nothing else;
//! one that waited too long is withdrawn only if no batch has it yet, so nobody is told "too late" about an order
//! that exists.

pub mod claims;
pub mod draft;
pub mod place;
mod queue;

pub use queue::{Intake, IntakeError};

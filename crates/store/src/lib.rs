//! Durability: the [`Store`] trait, its two drivers, and the suite that both pass.
//!
//! Owns transactions, guards and the order of the log. **Invariant:** what a call answered with `Ok` survives power
//! loss; an `Err` other than [`Error::OutcomeUnknown`] left nothing behind. Decisions are made in `waybill-domain`;
//! where a decision needs locked rows, this crate calls it inside its transaction.

#[cfg(feature = "conformance")]
pub mod conformance;
mod consume;
mod encoding;
mod error;
pub mod migrations;
mod model;
pub mod moving;
pub mod outage;
pub mod postgres;
pub mod reads;
mod sources;
pub mod sqlite;
pub mod status;
mod steps;
mod store;
pub mod verify;

pub use consume::{BatchDecision, Consumed, Known, Needs};
pub use error::{Error, Result};
pub use model::*;
pub use sources::{Cause, with_sources};
pub use store::{CommitListener, Now, Store};

//! What is durable: one [`Store`], its drivers, and the suite that every driver passes.
//!
//! Owns transactions, guards and the order of the log. **Invariant:** what a call has answered `Ok` for
//! survives power loss; an `Err` other than [`Error::OutcomeUnknown`] left nothing behind. Decisions are not
//! made here but in `waybill-domain`; this crate asks them inside its transaction where they need locked rows.

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
pub mod sqlite;
mod store;
pub mod verify;

pub use consume::{BatchDecision, Consumed, Known, Needs};
pub use error::{Error, Result};
pub use model::*;
pub use store::{CommitListener, Now, Store};

//! Durability: the [`Store`] trait, its two drivers, and the suite that both pass.
//!
//! Owns transactions, guards and the order of the log. **Invariant:** what a call answered with `Ok` survives power
//! loss; an `Err` other than [`Error::OutcomeUnknown`] left nothing behind. Decisions are made in `waybill-domain`;
//! where a decision needs locked rows, this crate calls it inside its transaction.

// Texts for people use `Display`; `Debug` output is for developers.
#![cfg_attr(not(test), deny(clippy::use_debug))]

pub mod archive;
mod caught;
#[cfg(feature = "conformance")]
#[allow(
    clippy::use_debug,
    reason = "failures of a test are read by developers"
)]
pub mod conformance;
mod consume;
mod consume_steps;
#[cfg(feature = "planted-defects")]
mod defects;
mod encoding;
mod error;
pub mod generations;
mod ledger;
pub mod migrations;
mod model;
pub mod moving;
pub mod outage;
pub mod packed;
pub mod postgres;
mod readable;
pub mod reads;
mod relay_state;
mod service;
mod sources;
pub mod sqlite;
pub mod status;
mod traits;
mod turn;
pub mod verify;

pub use caught::caught;
pub use consume::{BatchDecision, Consumed, Known};
pub use error::{Error, Result};
pub use model::*;
pub use sources::{Cause, with_sources};
pub use traits::*;
pub use turn::{OwnerRows, Turn, TurnNeeds, TurnRows, TurnStore};

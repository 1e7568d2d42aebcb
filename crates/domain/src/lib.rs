//! What an order is and may become.
//!
//! Owns every decision: what is accepted, which step is allowed, what a step does to quantities, stock
//! and events. **Invariant:** nothing in here reads a clock, draws a random number, does I/O or knows
//! who calls; what a decision needs is handed in, what it wants done is handed back as data
//! ([`change::Change`]). Storing, sending and rendering are left to others.

pub mod canonical;
pub mod change;
pub mod command;
pub mod content;
pub mod context;
pub mod country;
pub mod currency;
pub mod delivery;
pub mod event;
pub mod fact;
pub mod history;
pub mod ids;
pub mod intake;
pub mod money;
pub mod once;
pub mod order;
pub mod progress;
pub mod quantities;
pub mod refusal;
pub mod reservation;
pub mod retry;
pub mod shipment;
pub mod status;
pub mod stock;
pub mod text;
pub mod time;
pub mod transitions;

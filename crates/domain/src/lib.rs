//! The rules of orders.
//!
//! Owns every decision: which orders are accepted, which step is allowed, and how a step changes quantities, stock and
//! events. **Invariant:** this crate reads no clock, draws no random number and does no I/O. The caller passes in what
//! a decision needs and gets back, as data ([`change::Change`]), what has to be written. Storing, sending and rendering
//! belong to the other crates.

pub mod allocation;
pub mod backorder;
pub mod canonical;
pub mod change;
pub mod claim;
pub mod client;
pub mod command;
pub mod content;
pub mod context;
pub mod country;
pub mod currency;
pub mod delivery;
pub mod delivery_news;
pub mod echo;
pub mod event;
pub mod explain;
pub mod fact;
pub mod history;
pub mod ids;
pub mod inbox;
pub mod intake;
pub mod money;
pub mod once;
pub mod order;
pub mod parked;
pub mod parked_place;
pub mod partition;
pub mod precondition;
pub mod problem;
pub mod progress;
pub mod quantities;
pub mod refusal;
pub mod reservation;
pub mod retry;
pub mod retry_after;
pub mod sample;
pub mod service;
pub mod services_words;
pub mod shipment;
pub mod sourcing;
pub mod sourcing_task;
pub mod status;
pub mod stock;
pub mod stock_place;
pub mod stuck;
pub mod successive;
pub mod text;
pub mod time;
pub mod timer;
pub mod trace;
pub mod transitions;
pub mod vendor;
pub mod vendor_call;
pub mod vendor_stock;

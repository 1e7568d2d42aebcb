//! Vendors through the front door: the mock vendor, vendors on record, and the readings of their stock, with real
//! processes on both sides.

mod backorders;
mod market;
mod mock;
mod readings;
mod records;
mod shop;
mod simulated;
mod sourcing;
mod wrong_answers;

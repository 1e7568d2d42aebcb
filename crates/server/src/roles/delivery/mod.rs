//! The role `delivery`: makes shipments of orders that may ship, moves them by the simulated carrier, and answers
//! cancellations.

pub mod handler;
pub mod timer_signals;
pub mod timers;

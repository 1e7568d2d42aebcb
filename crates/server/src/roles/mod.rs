//! Roles: the parts of Waybill that work in the background. A role has one name everywhere.

pub mod background;
mod batch;
pub mod carrier;
pub mod consumer;
pub mod delivery;
mod handler;
pub mod housekeeping;
pub mod keeper;
pub mod lag;
mod parked_watch;
mod parking;
pub mod share;
pub mod status;
mod supervise;
pub mod timer_signals;
mod watchdog;

pub use supervise::Roles;

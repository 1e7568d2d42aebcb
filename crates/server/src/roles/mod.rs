//! Roles: the parts of Waybill that work in the background. A role has one name everywhere.

pub mod background;
pub mod carrier;
pub mod consumer;
pub mod delivery;
pub mod housekeeping;
pub mod keeper;
pub mod lag;
mod parking;
pub mod share;
pub mod status;
mod supervise;
mod watchdog;

pub use supervise::Roles;

//! Roles: the parts of Waybill that can run in separate processes. A role has the same name everywhere.

pub mod delivery;
pub mod housekeeping;
mod running;
pub mod status;

pub use running::Roles;

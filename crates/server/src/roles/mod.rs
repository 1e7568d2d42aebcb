//! Roles: the parts of Waybill that can run in a process of their own. A role has one name everywhere.

pub mod delivery;
pub mod housekeeping;
mod running;
pub mod status;

pub use running::Roles;

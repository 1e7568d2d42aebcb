//! Roles: the parts of Waybill that can run in separate processes. A role has the same name everywhere.
//!
//! Each role is one [`definition::RoleDefinition`], which names its consumers, routes, metrics and settings. To add a
//! role, write its file and name it in [`ALL`].

pub mod allocation;
pub mod api;
pub mod definition;
pub mod delivery;
pub mod housekeeping;
pub mod relay;
pub mod running;
pub mod service;
pub mod status;
pub mod stock_sync;
pub mod tasks;

#[cfg(test)]
mod registry_tests;

use definition::Registry;

use crate::config::RoleSettings;

/// The roles that this build can run. Each has work: a role that is planned but not built is not accepted.
pub const ALL: Registry = &[
    &api::ROLE,
    &delivery::ROLE,
    &status::ROLE,
    &relay::ROLE,
    &stock_sync::ROLE,
    &allocation::ROLE,
    &housekeeping::ROLE,
];

/// What the settings know of the roles of this build.
#[must_use]
pub fn settings() -> Vec<RoleSettings> {
    ALL.iter().map(|role| role.settings()).collect()
}

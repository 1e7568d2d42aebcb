//! The definition of a role: one value with all that differs between roles.

use prometheus_client::registry::Registry as MetricsRegistry;
use utoipa_axum::router::OpenApiRouter;

use super::tasks::{RoleResources, RoleTasks};
use crate::config::{RoleName, RoleSection, RoleSettings};
use crate::http::router::Routes;

/// A role. A file below `roles` has one, and the list in `roles` names it.
pub struct RoleDefinition {
    /// Its one name: flag, log field, section of the settings.
    pub name: &'static str,
    /// What it does, in a few words, for a list of roles.
    pub summary: &'static str,
    /// What a process must have besides its store. `all` leaves out a role that requires something.
    pub requires: Option<Requirement>,
    /// Whether an installation can do without it. It is missed only once it has run on the store.
    pub optional: bool,
    /// Its section of the settings, with the defaults.
    pub section: Option<RoleSection>,
    /// The consumers under whose names it holds leases. `waybill status` judges the role by the first one.
    pub consumers: &'static [Consumer],
    /// Its HTTP routes. Every process mounts the routes of every role and answers reads; a process that does not run the
    /// role refuses requests that change something.
    pub routes: fn() -> Routes,
    /// Registers its metrics and returns what starts its tasks. Called in every process, so that each shows the same
    /// metrics.
    pub prepare: fn(&mut MetricsRegistry) -> Start,
}

/// A list of roles.
pub type Registry = &'static [&'static RoleDefinition];

/// Starts the tasks of a role.
pub type Start = Box<dyn Fn(&RoleResources, &mut RoleTasks) + Send + Sync>;

/// What a role requires of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Somewhere to publish events to.
    Publisher,
}

/// A name under which leases are held.
#[derive(Clone, Copy, Debug)]
pub struct Consumer {
    pub name: &'static str,
    pub share: Share,
}

/// How a consumer's work is divided between processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Each partition of the log.
    Partitions,
    /// One job for the whole log.
    Whole,
}

impl RoleDefinition {
    /// The part that the settings need.
    #[must_use]
    pub fn settings(&self) -> RoleSettings {
        RoleSettings {
            role: RoleName {
                name: self.name,
                summary: self.summary,
                in_all: self.requires.is_none(),
            },
            section: self.section,
        }
    }
}

/// The routes of a role without any.
#[must_use]
pub fn no_routes() -> Routes {
    OpenApiRouter::new()
}

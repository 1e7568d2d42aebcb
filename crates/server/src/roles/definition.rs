//! What a role is: one value that names everything a process has to know of it.

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
    /// Its section of the settings, with the defaults.
    pub section: Option<RoleSection>,
    /// What it holds leases as. The first one shows in `waybill status` how the role is.
    pub consumers: &'static [Consumer],
    /// What it answers over HTTP. Every process mounts the routes of every role and answers reads; what changes
    /// something is refused where the role does not run.
    pub routes: fn() -> Routes,
    /// Registers its metrics and returns what starts its tasks. Called in every process, so that each shows the same
    /// metrics.
    pub prepare: fn(&mut MetricsRegistry) -> Start,
}

/// A list of roles.
pub type Registry = &'static [&'static RoleDefinition];

/// Starts the tasks of a role.
pub type Start = Box<dyn Fn(&RoleResources, &mut RoleTasks) + Send + Sync>;

/// A name under which leases are held.
#[derive(Clone, Copy, Debug)]
pub struct Consumer {
    pub name: &'static str,
    pub share: Share,
}

/// What there is to share between processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Each partition of the log.
    Partitions,
    /// One job for the whole log.
    Whole,
}

impl RoleDefinition {
    /// As far as settings are about it.
    #[must_use]
    pub fn settings(&self) -> RoleSettings {
        RoleSettings {
            role: RoleName {
                name: self.name,
                summary: self.summary,
            },
            section: self.section,
        }
    }
}

/// For a role that answers no requests.
#[must_use]
pub fn no_routes() -> Routes {
    OpenApiRouter::new()
}

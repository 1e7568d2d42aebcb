//! Starting roles: the metrics of each are registered, and the tasks of those that the settings name are started.

use prometheus_client::registry::Registry as Metrics;

use super::definition::{Registry, Requirement, Start};
use super::tasks::{RoleResources, RoleTasks};
use crate::config::{ConfigError, ConfigErrors, Settings};

/// What to do about a role that publishes, in a process that has nowhere to publish to.
const NO_BROKER: &str = "it publishes events to other stores, and this process has no broker to publish to; \
                         choose one with WAYBILL_BROKER, or take the role out of --roles";

/// Checks that each role that the settings name has what it requires. `publishes` says whether the process has
/// somewhere to publish events to.
///
/// # Errors
/// The roles that have not, and what to do.
pub fn check(roles: Registry, settings: &Settings, publishes: bool) -> Result<(), ConfigErrors> {
    let mut refused = vec![];
    for role in roles.iter().filter(|role| settings.runs(role.name)) {
        match role.requires {
            Some(Requirement::Publisher) if !publishes => refused.push(ConfigError {
                source: "roles".into(),
                key: "roles".into(),
                value: Some(role.name.into()),
                advice: NO_BROKER.into(),
            }),
            Some(Requirement::Publisher) | None => {}
        }
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(ConfigErrors(refused))
    }
}

/// Roles whose metrics are registered, ready to be started.
pub struct PreparedRoles(Vec<(&'static str, Start)>);

impl PreparedRoles {
    /// Registers the metrics of every role.
    #[must_use]
    pub fn of(roles: Registry, metrics: &mut Metrics) -> Self {
        let prepared = roles
            .iter()
            .map(|role| (role.name, (role.prepare)(metrics)));
        Self(prepared.collect())
    }

    /// Starts every role that the settings name. `owner` is this process on its leases.
    #[must_use]
    pub fn start(&self, resources: &RoleResources, owner: &str) -> RoleTasks {
        let mut tasks = RoleTasks::new(resources, owner);
        for (name, start) in &self.0 {
            if resources.settings.runs(name) {
                start(resources, &mut tasks);
            }
        }
        tasks
    }
}

//! Starting roles: the metrics of each are registered, and the tasks of those that the settings name are started.

use prometheus_client::registry::Registry as Metrics;

use super::definition::{Registry, Start};
use super::tasks::{RoleResources, RoleTasks};

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

//! The role `housekeeping`: deletes what has expired or is kept no longer, and finds orders that are stuck.

mod archivist;
mod figures;
mod old_samples;
pub mod settings;
pub mod task;
mod watchdog;

use self::figures::Figures;
use self::settings::{DEFAULTS, HousekeepingSettings};
use self::task::Housekeeping;
use super::definition::{Consumer, RoleDefinition, Share, no_routes};
use crate::config::RoleSection;

pub static ROLE: RoleDefinition = RoleDefinition {
    name: "housekeeping",
    summary: "expiries, orders that are stuck",
    requires: None,
    optional: false,
    section: Some(RoleSection::of::<HousekeepingSettings>(DEFAULTS)),
    consumers: &[Consumer {
        name: task::CONSUMER,
        share: Share::Whole,
    }],
    routes: no_routes,
    prepare: |registry| {
        let figures = Figures::register(registry);
        Box::new(move |resources, tasks| {
            let housekeeping: HousekeepingSettings = resources.settings.section();
            tasks.keep(Housekeeping::new(
                resources.store.clone(),
                resources.consumers.contexts.clone(),
                figures.clone(),
                &housekeeping,
            ));
        })
    },
};

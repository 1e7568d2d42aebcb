//! The role `stock-sync`: keeps our copy of what vendors have up to date.
//!
//! Invariants: a vendor that is slow, down or wrong changes nothing for the others; what it answers is checked, and
//! where it cannot be used our copy stays and grows stale, visibly; only rows that differ are written.

#[cfg(feature = "planted-defects")]
mod defects;
mod entering;
mod figures;
mod reading;
mod task;

use self::figures::Figures;
use self::reading::Readings;
use self::task::{CONSUMER, StockSyncTask};
use super::definition::{Consumer, RoleDefinition, Share, no_routes};
use crate::vendors::configured;

pub static ROLE: RoleDefinition = RoleDefinition {
    name: "stock-sync",
    summary: "stock of vendors",
    requires: None,
    optional: true,
    section: None,
    consumers: &[Consumer {
        name: CONSUMER,
        share: Share::Whole,
    }],
    routes: no_routes,
    prepare: |registry| {
        let figures = Figures::register(registry);
        Box::new(move |resources, tasks| {
            let settings = &resources.settings.vendors;
            let contexts = resources.consumers.contexts.clone();
            let readings = Readings {
                store: resources.store.clone(),
                callers: resources.vendors.clone(),
                contexts,
                figures: figures.clone(),
            };
            // A process with one that cannot be entered was refused at its start (`vendors::configured::check`).
            let known = configured::vendors(settings).unwrap_or_default();
            tasks.keep(StockSyncTask::new(readings, known, settings));
        })
    },
};

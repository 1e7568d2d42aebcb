//! The role `allocation`: asks vendors for the units that orders hold at them, takes in what they answer, and finds
//! sources for what orders wait for.
//!
//! Each call waits as a piece of work, written with the reservation it belongs to. A worker leases one piece just before
//! it makes the call, makes the call outside of any transaction, and writes what follows from the answer together with
//! the end of the piece. So a process that is killed at any moment leaves either the piece or its result.
//!
//! Invariants: a call to a vendor without idempotency keys is made once at most; a vendor that is slow or down delays no
//! order that does not need it; no answer is dropped.

mod answering;
mod asking;
mod figures;
mod sourcing;
mod task;

#[cfg(feature = "planted-defects")]
mod defects;

use std::sync::Arc;

use self::asking::Asking;
use self::figures::Figures;
use self::task::{AllocationTask, CONSUMER};
use super::definition::{Consumer, RoleDefinition, Share, no_routes};

pub static ROLE: RoleDefinition = RoleDefinition {
    name: "allocation",
    summary: "units from vendors",
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
            let vendors = &resources.settings.vendors;
            let asking = Asking {
                store: resources.store.clone(),
                callers: resources.vendors.clone(),
                contexts: resources.consumers.contexts.clone(),
                figures: figures.clone(),
                retries: vendors.max_attempts,
                retry_delay_ms: vendors.retry_delay_ms.as_i64(),
                timeout_ms: vendors.timeout_ms.as_i64(),
                order_timeout_ms: vendors.order_timeout_ms.as_i64(),
                inventory: resources.inventory.clone(),
            };
            tasks.keep(AllocationTask::new(
                Arc::new(asking),
                resources.consumers.log_growth.clone(),
                vendors,
            ));
        })
    },
};

//! The role `relay`: publishes the log of its store to other stores, every event of it, in order per order.
//!
//! Invariants: the cursor of a partition passes an event only after the publisher has confirmed it, or after it was
//! parked; events of one key (an order; for stock the stock row) are published in the order of the log. Events are
//! published at least once: a relay that was killed publishes the last ones again. A broker that is away stops a
//! partition and costs no event an attempt; an event that the broker will never take parks its key alone.
//!
//! A person may pause it, and have a stretch of the log published again; both are kept in the store and hold for every
//! process.
//!
//! It leaves to its [`Publisher`] how a message travels, and to the receiver that a repeated one has no second effect.
//!
//! [`Publisher`]: waybill_broker::publisher::Publisher

mod batch;
mod begun;
mod control;
mod cursor;
#[cfg(feature = "planted-defects")]
mod defects;
mod figures;
mod lane;
mod parked;
mod replaying;
mod settings;
mod shared;
mod task;
#[cfg(test)]
mod tests;

use self::figures::Figures;
pub use self::settings::CONSUMER;
use self::settings::{DEFAULTS, RelaySettings};
use self::shared::RelayShared;
use self::task::Relay;
use super::definition::{Consumer, Requirement, RoleDefinition, Share, no_routes};
use crate::config::RoleSection;

pub static ROLE: RoleDefinition = RoleDefinition {
    name: "relay",
    summary: "events to other stores",
    requires: Some(Requirement::Publisher),
    optional: true,
    section: Some(RoleSection::of::<RelaySettings>(DEFAULTS)),
    consumers: &[Consumer {
        name: CONSUMER,
        share: Share::Partitions,
    }],
    routes: no_routes,
    prepare: |registry| {
        let figures = Figures::register(registry);
        Box::new(move |resources, tasks| {
            // A process without one was refused at its start (`roles::running::check`).
            let Some(outside) = &resources.outside else {
                return;
            };
            tasks.keep(Relay::new(RelayShared::new(
                resources.consumers.clone(),
                resources.store.clone(),
                outside.publisher.clone(),
                resources.settings.section(),
                figures.clone(),
            )));
        })
    },
};

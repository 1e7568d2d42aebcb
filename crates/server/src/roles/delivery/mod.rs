//! The role `delivery`: makes shipments of orders that may ship, moves them by the simulated carrier, and answers
//! cancellations.

#[cfg(test)]
mod alone_tests;
pub mod handler;
pub mod timer_signals;
pub mod timers;

use std::sync::Arc;

use self::handler::DeliveryHandler;
use self::timer_signals::TimerSignals;
use self::timers::TimerTask;
use super::definition::{Consumer, RoleDefinition, Share};
use super::tasks::{RoleResources, RoleTasks};
use waybill_store::DeliveryStore;

use crate::carrier::SimulatedCarrier;
use crate::config::{MillisRange, RoleSection, section};
use crate::consumers::consuming::Consuming;
use crate::http::dialects::services;
use crate::http::v1;
use crate::random::Entropy;

section!(DeliverySettings, "delivery", {
    ship_delay_ms: MillisRange => Kind::TimeRange,
    deliver_delay_ms: MillisRange => Kind::TimeRange,
    batch_limit: u32 => count(1, 10_000),
});

const DEFAULTS: &str = r#"[delivery]
# Simulated carrier: from confirmed to shipped, and from shipped to delivered.
ship_delay_ms = "2000-8000"
deliver_delay_ms = "2000-8000"
# Events of orders, or timers that are due, in one transaction at most.
batch_limit = 256
"#;

pub static ROLE: RoleDefinition = RoleDefinition {
    name: "delivery",
    summary: "shipments",
    requires: None,
    optional: false,
    section: Some(RoleSection::of::<DeliverySettings>(DEFAULTS)),
    consumers: &[
        Consumer {
            name: handler::CONSUMER,
            share: Share::Partitions,
        },
        Consumer {
            name: timers::CONSUMER,
            share: Share::Partitions,
        },
    ],
    routes: || v1::delivery().merge(services::deliveries()),
    prepare: |_| Box::new(start),
};

fn start(resources: &RoleResources, tasks: &mut RoleTasks) {
    let delivery: DeliverySettings = resources.settings.section();
    let consumers = &resources.consumers;
    let store: Arc<dyn DeliveryStore> = resources.store.clone();
    let carrier = carrier(&delivery, &consumers.contexts.entropy);
    let signals = Arc::new(TimerSignals::new(consumers.log.identity().partitions));
    let handler = DeliveryHandler {
        contexts: consumers.contexts.clone(),
        carrier: carrier.clone(),
        timers: signals.clone(),
        by_watermark: false,
    };
    if resources.exchanges() {
        tasks.receive(
            handler::INBOX,
            resources.store.clone(),
            store.clone(),
            DeliveryHandler {
                by_watermark: true,
                ..handler.clone()
            },
        );
    }
    let limit = delivery.batch_limit;
    let consuming = Consuming::new(consumers, handler, store.clone(), limit);
    let timers = TimerTask::new(consumers, store, carrier, signals, limit);
    if let Some(combined) = &resources.combined {
        tasks.keep(combined.delivery(consuming));
        tasks.keep(combined.timers(timers));
    } else {
        tasks.keep(consuming);
        tasks.keep(timers);
    }
}

/// The carrier that shipments are given to.
#[must_use]
pub fn carrier(delivery: &DeliverySettings, entropy: &Arc<Entropy>) -> SimulatedCarrier {
    SimulatedCarrier {
        ship_delay: delivery.ship_delay_ms,
        deliver_delay: delivery.deliver_delay_ms,
        entropy: entropy.clone(),
    }
}

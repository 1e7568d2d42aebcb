//! The role `status`: moves orders forward by the events of their shipments, never back, and keeps what they show of
//! their shipments.

use std::collections::HashMap;
use std::sync::Arc;

use waybill_broker::message::Topic;
use waybill_domain::change::OrderEffect;
use waybill_domain::delivery_news;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::order::Order;
use waybill_store::{EffectStore, Known};

use super::definition::{Consumer, RoleDefinition, Share, no_routes};
use crate::config::{RoleSection, section};
use crate::consumers::consuming::Consuming;
use crate::consumers::handler::{EventOutcome, Handler};
use crate::consumers::inbox::InboxName;
use crate::context::ContextSource;

const CONSUMER: &str = "status";

/// Takes what a delivery service sends.
const INBOX: InboxName = InboxName {
    consumer: "status-inbox",
    topics: &[Topic::Deliveries],
};

section!(StatusSettings, "status", {
    batch_limit: u32 => count(1, 10_000),
});

const DEFAULTS: &str = r#"[status]
# Events applied in one transaction at most.
batch_limit = 256
"#;

pub static ROLE: RoleDefinition = RoleDefinition {
    name: "status",
    summary: "orders follow their shipments",
    requires: None,
    optional: false,
    section: Some(RoleSection::of::<StatusSettings>(DEFAULTS)),
    consumers: &[Consumer {
        name: CONSUMER,
        share: Share::Partitions,
    }],
    routes: no_routes,
    prepare: |_| {
        Box::new(|resources, tasks| {
            let status: StatusSettings = resources.settings.section();
            let handler = StatusHandler {
                contexts: resources.consumers.contexts.clone(),
            };
            if resources.exchanges() {
                let sources = resources.store.clone();
                let effects: Arc<dyn EffectStore<OrderEffect>> = resources.store.clone();
                tasks.receive(INBOX, sources, effects, handler.clone());
            }
            let consuming = Consuming::new(
                &resources.consumers,
                handler,
                resources.store.clone(),
                status.batch_limit,
            );
            match &resources.combined {
                Some(combined) => tasks.keep(combined.status(consuming)),
                None => tasks.keep(consuming),
            }
        })
    },
};

/// The consumer behind the role.
#[derive(Clone)]
pub struct StatusHandler {
    pub contexts: ContextSource,
}

impl Handler for StatusHandler {
    type Effect = OrderEffect;

    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[
            EventKind::ShipmentCreated,
            EventKind::ShipmentShipped,
            EventKind::ShipmentDelivered,
            EventKind::ShipmentReturned,
            EventKind::ShipmentLost,
            EventKind::ShipmentCancelled,
            EventKind::ShipmentFailed,
            EventKind::ShipmentDeliveryFailed,
            EventKind::ShipmentUpdated,
            EventKind::DeliveryCancelAgreed,
            EventKind::DeliveryCancelRefused,
        ]
    }

    fn needs(&self, events: &[LoggedEvent]) -> Vec<OrderId> {
        let mut orders: Vec<OrderId> = events.iter().filter_map(|e| e.event.order_id).collect();
        orders.sort_unstable();
        orders.dedup();
        orders
    }

    fn partition(&self, id: OrderId, known: &Known<OrderEffect>) -> Option<u16> {
        let order = known.rows.iter().find(|order| order.id == id);
        order.map(|order| order.partition)
    }

    fn decide(
        &self,
        events: &[&LoggedEvent],
        known: &Known<OrderEffect>,
    ) -> Vec<EventOutcome<OrderEffect>> {
        let orders = known.rows.iter().map(|order| (order.id, order.clone()));
        let mut orders: HashMap<OrderId, Order> = orders.collect();
        let decide = |event: &&LoggedEvent| self.decide_one(event, &mut orders);
        events.iter().map(decide).collect()
    }
}

impl StatusHandler {
    fn decide_one(
        &self,
        logged: &LoggedEvent,
        orders: &mut HashMap<OrderId, Order>,
    ) -> EventOutcome<OrderEffect> {
        let event = &logged.event;
        let news = match delivery_news::parse(event) {
            Ok(news) => news,
            Err(error) => return EventOutcome::Failed(format!("cannot be read: {error}")),
        };
        let Some(order_id) = event.order_id else {
            return EventOutcome::Failed("an event of a shipment without an order".into());
        };
        let Some(order) = orders.get_mut(&order_id) else {
            return EventOutcome::Failed(format!("the order {order_id} is unknown"));
        };
        let meta = event.answered_by("system:status");
        let decided = self.contexts.decide(&meta, |context| {
            delivery_news::on_delivery_news(order, &news, context)
        });
        let Some(change) = decided else {
            return EventOutcome::Nothing;
        };
        *order = change.effect.order.after.clone();
        EventOutcome::Change(Box::new(change))
    }
}

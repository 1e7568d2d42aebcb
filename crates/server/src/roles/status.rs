//! The role `status`: moves orders forward by the events of their shipments, never back.

use std::collections::HashMap;

use waybill_domain::context::EventMeta;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::fact;
use waybill_domain::ids::OrderId;
use waybill_domain::order::Order;
use waybill_store::{Known, Needs};

use crate::consumers::handler::{EventOutcome, Handler};
use crate::context::ContextSource;

/// The consumer behind the role.
pub struct StatusHandler {
    pub contexts: ContextSource,
}

impl Handler for StatusHandler {
    fn consumer(&self) -> &'static str {
        "status"
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
            EventKind::DeliveryCancelAgreed,
            EventKind::DeliveryCancelRefused,
        ]
    }

    fn needs(&self, events: &[LoggedEvent]) -> Needs {
        let mut orders: Vec<OrderId> = events.iter().filter_map(|e| e.event.order_id).collect();
        orders.sort_unstable();
        orders.dedup();
        Needs {
            orders,
            ..Needs::default()
        }
    }

    fn decide(&self, events: &[&LoggedEvent], known: &Known) -> Vec<EventOutcome> {
        let orders = known.orders.iter().map(|order| (order.id, order.clone()));
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
    ) -> EventOutcome {
        let event = &logged.event;
        let fact = match fact::parse(event.kind, &event.body) {
            Ok(Some(fact)) => fact,
            Ok(None) => return EventOutcome::Nothing,
            Err(error) => return EventOutcome::Failed(format!("cannot be read: {error}")),
        };
        let Some(order_id) = event.order_id else {
            return EventOutcome::Failed("an event of a shipment without an order".into());
        };
        let Some(order) = orders.get_mut(&order_id) else {
            return EventOutcome::Failed(format!("the order {order_id} is unknown"));
        };
        let meta = EventMeta {
            actor: "system:status".into(),
            causation_id: Some(event.id),
            ..event.meta.clone()
        };
        let applied = self
            .contexts
            .decide(&meta, |context| fact::apply(order, &fact, context));
        let Some(change) = applied else {
            return EventOutcome::Nothing;
        };
        if let Some(after) = &change.order {
            *order = after.after.clone();
        }
        EventOutcome::Change(Box::new(change))
    }
}

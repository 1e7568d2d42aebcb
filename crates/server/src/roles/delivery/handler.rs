//! The consumer of the role `delivery`: on events of an order it makes shipments and answers cancellations.
//!
//! It uses only its own rows and the events, so that delivery can have a database of its own.

use std::collections::HashMap;
use std::sync::Arc;

use waybill_broker::message::Topic;
use waybill_domain::change::DeliveryEffect;
use waybill_domain::delivery::{self, OrderDelivery, UnusableEvent};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_store::Known;

use super::timer_signals::TimerSignals;
use crate::carrier::SimulatedCarrier;
use crate::consumers::handler::{EventOutcome, Handler};
use crate::consumers::inbox::InboxName;
use crate::context::ContextSource;

/// Its cursor, its leases.
pub const CONSUMER: &str = "delivery";

/// Takes what an order service sends.
pub const INBOX: InboxName = InboxName {
    consumer: "delivery-inbox",
    topics: &[Topic::Orders],
};

/// The consumer behind the role.
#[derive(Clone)]
pub struct DeliveryHandler {
    pub contexts: ContextSource,
    pub carrier: SimulatedCarrier,
    /// Wakes the carrier when timers were set.
    pub timers: Arc<TimerSignals>,
    /// Whether a watermark keeps repeated events away, as it does in an inbox; otherwise the delivery's row does.
    pub by_watermark: bool,
}

impl Handler for DeliveryHandler {
    type Effect = DeliveryEffect;

    fn consumer(&self) -> &'static str {
        CONSUMER
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[
            EventKind::OrderConfirmed,
            EventKind::OrderLinesReleased,
            EventKind::OrderHoldPlaced,
            EventKind::OrderHoldReleased,
            EventKind::OrderCancelRequested,
        ]
    }

    fn needs(&self, events: &[LoggedEvent]) -> Vec<OrderId> {
        let mut orders: Vec<OrderId> = events.iter().filter_map(|e| e.event.order_id).collect();
        orders.sort_unstable();
        orders.dedup();
        orders
    }

    fn partition(&self, order: OrderId, known: &Known<DeliveryEffect>) -> Option<u16> {
        let (_, delivery, _) = known.rows.iter().find(|(id, ..)| *id == order)?;
        delivery.as_ref().map(|delivery| delivery.partition)
    }

    fn decide(
        &self,
        events: &[&LoggedEvent],
        known: &Known<DeliveryEffect>,
    ) -> Vec<EventOutcome<DeliveryEffect>> {
        let mut orders: HashMap<OrderId, OrderDelivery> = HashMap::new();
        for (id, delivery, shipments) in &known.rows {
            let of_order = OrderDelivery {
                delivery: delivery.clone(),
                shipments: shipments.clone(),
            };
            orders.insert(*id, of_order);
        }
        let decide = |event: &&LoggedEvent| self.decide_one(event, &mut orders);
        events.iter().map(decide).collect()
    }

    fn applied(&self, partition: u16) {
        self.timers.changed(partition).notify_one();
    }
}

impl DeliveryHandler {
    fn decide_one(
        &self,
        logged: &LoggedEvent,
        orders: &mut HashMap<OrderId, OrderDelivery>,
    ) -> EventOutcome<DeliveryEffect> {
        let event = &logged.event;
        let Some(order_id) = event.order_id else {
            return EventOutcome::Failed(UnusableEvent::NoOrder.to_string());
        };
        let known = orders.entry(order_id).or_default();
        if self.by_watermark {
            known.rewind(event);
        }
        let mut carrier = self.carrier.clone();
        let meta = event.answered_by(delivery::ACTOR);
        let decided = self.contexts.decide(&meta, |context| {
            known.on_event(logged, &mut carrier, context)
        });
        match decided {
            Ok(Some(change)) => EventOutcome::Change(Box::new(change)),
            Ok(None) => EventOutcome::Nothing,
            Err(error) => EventOutcome::Failed(error.to_string()),
        }
    }
}

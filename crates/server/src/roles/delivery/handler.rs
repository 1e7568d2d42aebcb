//! The consumer of the role `delivery`: on events of an order it makes shipments and answers cancellations.
//!
//! It uses only its own rows and the events, so that delivery can have a database of its own.

use std::collections::HashMap;
use std::sync::Arc;

use waybill_domain::change::Change;
use waybill_domain::context::EventMeta;
use waybill_domain::delivery::{self, Delivery, Subject};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::shipment::Shipment;
use waybill_store::{Known, Needs};

use super::timer_signals::TimerSignals;
use crate::carrier::SimulatedCarrier;
use crate::consumers::handler::{EventOutcome, Handler};
use crate::context::ContextSource;

/// Its cursor, its leases.
pub const CONSUMER: &str = "delivery";

/// The consumer behind the role.
pub struct DeliveryHandler {
    pub contexts: ContextSource,
    pub carrier: SimulatedCarrier,
    /// Wakes the carrier when timers were set.
    pub timers: Arc<TimerSignals>,
}

/// What is known of an order's delivery, kept up to date while a batch is decided.
#[derive(Default)]
struct OrderDelivery {
    delivery: Option<Delivery>,
    shipments: Vec<Shipment>,
}

impl Handler for DeliveryHandler {
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

    fn needs(&self, events: &[LoggedEvent]) -> Needs {
        let mut deliveries: Vec<OrderId> = events.iter().filter_map(|e| e.event.order_id).collect();
        deliveries.dedup();
        Needs {
            deliveries,
            ..Needs::default()
        }
    }

    fn decide(&self, events: &[&LoggedEvent], known: &Known) -> Vec<EventOutcome> {
        let mut orders: HashMap<OrderId, OrderDelivery> = HashMap::new();
        for (id, delivery, shipments) in &known.deliveries {
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
    ) -> EventOutcome {
        let event = &logged.event;
        let Some(order_id) = event.order_id else {
            return EventOutcome::Failed("an order event without an order".into());
        };
        let news = match delivery::parse(event.kind, &event.body) {
            Ok(Some(news)) => news,
            Ok(None) => return EventOutcome::Nothing,
            Err(error) => return EventOutcome::Failed(format!("cannot be read: {error}")),
        };
        let known = orders.entry(order_id).or_default();
        let meta = EventMeta {
            actor: "system:delivery".into(),
            causation_id: Some(event.id),
            ..event.meta.clone()
        };
        let subject = Subject {
            order_id,
            tenant: event.tenant.clone(),
            partition: logged.partition,
            seq: event.seq,
        };
        let (delivery, shipments) = (known.delivery.as_ref(), &known.shipments);
        let mut carrier = self.carrier.clone();
        let change = self.contexts.decide(&meta, |context| {
            delivery::on_order_news(subject, delivery, shipments, news, &mut carrier, context)
        });
        let Some(change) = change else {
            return EventOutcome::Nothing;
        };
        known.remember(&change);
        EventOutcome::Change(Box::new(change))
    }
}

impl OrderDelivery {
    fn remember(&mut self, change: &Change) {
        if let Some(delivery) = &change.delivery {
            self.delivery = Some(delivery.after.clone());
        }
        for shipment in &change.shipments {
            self.shipments.retain(|s| s.id != shipment.after.id);
            self.shipments.push(shipment.after.clone());
        }
    }
}

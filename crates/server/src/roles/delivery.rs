//! The role `delivery`: hears of orders that may ship, makes shipments, answers cancellations.
//!
//! It looks only at its own rows and at what events say, so that it can live in a database of its own.

use std::collections::HashMap;

use async_trait::async_trait;
use waybill_domain::change::Change;
use waybill_domain::context::{Context, EventMeta};
use waybill_domain::delivery::{self, Delivery, Subject};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::shipment::Shipment;
use waybill_store::Error as StoreError;

use super::consumer::{Handler, Outcome};
use crate::app::App;

/// The consumer behind the role.
pub struct DeliveryHandler;

/// What is known of an order's delivery, kept up to date while a batch is decided.
#[derive(Default)]
struct Known {
    delivery: Option<Delivery>,
    shipments: Vec<Shipment>,
}

#[async_trait]
impl Handler for DeliveryHandler {
    fn consumer(&self) -> &'static str {
        "delivery"
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

    async fn decide(&self, app: &App, events: &[LoggedEvent]) -> Result<Vec<Outcome>, StoreError> {
        let mut orders: Vec<OrderId> = events.iter().filter_map(|e| e.event.order_id).collect();
        orders.dedup();
        let held = app.store.deliveries(orders).await?;
        let mut known: HashMap<OrderId, Known> = held
            .into_iter()
            .map(|(id, delivery, shipments)| {
                (
                    id,
                    Known {
                        delivery,
                        shipments,
                    },
                )
            })
            .collect();
        Ok(events
            .iter()
            .map(|event| decide_one(app, event, &mut known))
            .collect())
    }

    fn applied(&self, app: &App, part: u16) {
        app.timers_changed(part).notify_one();
    }
}

fn decide_one(app: &App, logged: &LoggedEvent, known: &mut HashMap<OrderId, Known>) -> Outcome {
    let event = &logged.event;
    let Some(order_id) = event.order_id else {
        return Outcome::Failed("an order event without an order".into());
    };
    let heard = match delivery::heard(event.kind, &event.body) {
        Ok(Some(heard)) => heard,
        Ok(None) => return Outcome::Nothing,
        Err(error) => return Outcome::Failed(format!("cannot be read: {error}")),
    };
    let known = known.entry(order_id).or_default();
    let meta = EventMeta {
        actor: "system:delivery".into(),
        causation_id: Some(event.id),
        ..event.meta.clone()
    };
    let subject = Subject {
        order_id,
        tenant: event.tenant.clone(),
        part: logged.part,
        seq: event.seq,
    };
    let mut ids = || app.entropy.uuid_v7(app.now().0);
    let mut context = Context {
        now: app.now(),
        meta: &meta,
        ids: &mut ids,
    };
    let mut carrier = app.carrier();
    let change = delivery::hear(
        subject,
        known.delivery.as_ref(),
        &known.shipments,
        heard,
        &mut carrier,
        &mut context,
    );
    match change {
        Some(change) => {
            remember(known, &change);
            Outcome::Change(Box::new(change))
        }
        None => Outcome::Nothing,
    }
}

fn remember(known: &mut Known, change: &Change) {
    if let Some(delivery) = &change.delivery {
        known.delivery = Some(delivery.after.clone());
    }
    for shipment in &change.shipments {
        known.shipments.retain(|s| s.id != shipment.after.id);
        known.shipments.push(shipment.after.clone());
    }
}

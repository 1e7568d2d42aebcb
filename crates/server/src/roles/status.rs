//! The role `status`: moves orders forward by what happens to their shipments, never back.

use std::collections::HashMap;

use async_trait::async_trait;
use waybill_domain::context::{Context, EventMeta};
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::fact;
use waybill_domain::ids::OrderId;
use waybill_domain::order::Order;
use waybill_store::Error as StoreError;

use super::consumer::{Handler, Outcome};
use crate::app::App;

/// The consumer behind the role.
pub struct StatusHandler;

#[async_trait]
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

    async fn decide(&self, app: &App, events: &[LoggedEvent]) -> Result<Vec<Outcome>, StoreError> {
        let mut ids: Vec<OrderId> = events.iter().filter_map(|e| e.event.order_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut orders: HashMap<OrderId, Order> = app
            .store
            .orders(ids)
            .await?
            .into_iter()
            .map(|o| (o.id, o))
            .collect();
        Ok(events
            .iter()
            .map(|event| decide_one(app, event, &mut orders))
            .collect())
    }
}

fn decide_one(app: &App, logged: &LoggedEvent, orders: &mut HashMap<OrderId, Order>) -> Outcome {
    let event = &logged.event;
    let fact = match fact::heard(event.kind, &event.body) {
        Ok(Some(fact)) => fact,
        Ok(None) => return Outcome::Nothing,
        Err(error) => return Outcome::Failed(format!("cannot be read: {error}")),
    };
    let Some(order) = event.order_id.and_then(|id| orders.get_mut(&id)) else {
        return Outcome::Failed(format!("the order {:?} is unknown", event.order_id));
    };
    let meta = EventMeta {
        actor: "system:status".into(),
        causation_id: Some(event.id),
        ..event.meta.clone()
    };
    let mut ids = || app.entropy.uuid_v7(app.now().0);
    let mut context = Context {
        now: app.now(),
        meta: &meta,
        ids: &mut ids,
    };
    match fact::apply(order, &fact, &mut context) {
        Some(change) => {
            if let Some(after) = &change.order {
                *order = after.after.clone();
            }
            Outcome::Change(Box::new(change))
        }
        None => Outcome::Nothing,
    }
}

//! Delivery's rows of one order, and what an event of the log changes in them. Both the role's consumer and a command
//! that cannot wait for the consumer decide here.

use super::order_news::{Carrier, Subject, on_order_news, parse};
use super::record::Delivery;
use crate::change::{Change, DeliveryEffect};
use crate::context::Context;
use crate::event::{BodyError, EventKind, LoggedEvent, NewEvent};
use crate::shipment::Shipment;

/// Delivery's rows of one order, kept up to date while several of its events are decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderDelivery {
    pub delivery: Option<Delivery>,
    pub shipments: Vec<Shipment>,
}

/// An order's event that cannot be applied; the consumer parks it.
#[derive(Debug, thiserror::Error)]
pub enum UnusableEvent {
    #[error("an order event without an order")]
    NoOrder,
    #[error("cannot be read: {0}")]
    Unreadable(#[from] BodyError),
}

impl OrderDelivery {
    /// Decides what an event of the order changes, and updates the rows in memory; `Ok(None)` when it changes nothing,
    /// as an event that was applied before.
    ///
    /// # Errors
    /// [`UnusableEvent`]; the rows are unchanged then.
    pub fn on_event(
        &mut self,
        logged: &LoggedEvent,
        carrier: &mut dyn Carrier,
        context: &mut Context<'_>,
    ) -> Result<Option<Change<DeliveryEffect>>, UnusableEvent> {
        let event = &logged.event;
        let order_id = event.order_id.ok_or(UnusableEvent::NoOrder)?;
        let Some(news) = parse(event)? else {
            return Ok(None);
        };
        let subject = Subject {
            order_id,
            tenant: event.tenant.clone(),
            partition: logged.partition,
            seq: event.seq,
        };
        let known = self.delivery.as_ref();
        let change = on_order_news(subject, known, &self.shipments, news, carrier, context);
        if let Some(change) = &change {
            self.take(&change.effect);
        }
        Ok(change)
    }

    /// For an event that is known to be the next one, whatever its number: the order's store may have been restored and
    /// number its events anew. Forgets that events with this number or higher ones were applied, and the holds, if the
    /// event has the whole list of them: one may have been placed by an event that is lost.
    pub fn rewind(&mut self, event: &NewEvent) {
        let Some(delivery) = &mut self.delivery else {
            return;
        };
        delivery.last_order_seq = delivery.last_order_seq.min(event.seq - 1);
        let has_holds = matches!(
            event.kind,
            EventKind::OrderConfirmed | EventKind::OrderLinesReleased
        );
        if has_holds {
            delivery.open_holds.clear();
        }
    }

    fn take(&mut self, effect: &DeliveryEffect) {
        if let Some(delivery) = &effect.delivery {
            self.delivery = Some(delivery.after.clone());
        }
        for shipment in &effect.shipments {
            self.shipments.retain(|s| s.id != shipment.after.id);
            self.shipments.push(shipment.after.clone());
        }
    }
}

//! Does what the consumer `delivery` would do with an order's events, for a caller that cannot wait for it. It uses
//! delivery's rows and the log, not the order's own rows. The consumer finds these events acted on when it reaches them.

use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::delivery::{self, OrderDelivery};
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::shipment::Shipment;
use waybill_domain::text::Tenant;
use waybill_store::{DeliveryStore, Error as StoreError, LogStore};

use super::ShipmentCommands;
use super::tries::{Thing, Tries};
use crate::carrier::SimulatedCarrier;
use crate::command_error::CommandError;

/// Events of the order read at once.
const PIECE: usize = 100;

/// The shipments of an order, made now if the consumer has not reached it yet. Empty when nothing may ship.
///
/// # Errors
/// [`CommandError`]; nothing was changed then.
pub async fn shipments_now(
    with: &ShipmentCommands,
    log: &dyn LogStore,
    carrier: &SimulatedCarrier,
    tenant: &Tenant,
    id: OrderId,
) -> Result<Vec<Shipment>, CommandError> {
    let mut tries = Tries::begin(&with.queue, Thing::Order, (tenant, id)).await?;
    loop {
        let mut known = held(&*with.store, id).await?;
        if !known.shipments.is_empty() {
            return Ok(known.shipments);
        }
        let events = events_of(log, tenant, id).await?;
        let mut changes = vec![];
        for logged in &events {
            changes.extend(decided(with, carrier, logged, &mut known)?);
        }
        let written = with.store.write_changes(changes, None).await?;
        match written.into_iter().find_map(Result::err) {
            None => return Ok(known.shipments),
            Some(StoreError::Conflict { .. }) => tries.again().await?,
            Some(error) => return Err(error.into()),
        }
    }
}

async fn held(store: &dyn DeliveryStore, id: OrderId) -> Result<OrderDelivery, StoreError> {
    let found = store.deliveries(vec![id]).await?.pop();
    let held = found.map(|(_, delivery, shipments)| OrderDelivery {
        delivery,
        shipments,
    });
    Ok(held.unwrap_or_default())
}

/// All events of an order. One without shipments has few.
async fn events_of(
    store: &dyn LogStore,
    tenant: &Tenant,
    id: OrderId,
) -> Result<Vec<LoggedEvent>, StoreError> {
    let mut events: Vec<LoggedEvent> = vec![];
    loop {
        let after = events.last().map_or(0, |logged| logged.position);
        let piece = store.order_events(tenant, id, after, PIECE).await?;
        let ends = piece.len() < PIECE;
        events.extend(piece);
        if ends {
            return Ok(events);
        }
    }
}

/// What an event changes that delivery has not acted on; `known` is then as it will be.
fn decided(
    with: &ShipmentCommands,
    carrier: &SimulatedCarrier,
    logged: &LoggedEvent,
    known: &mut OrderDelivery,
) -> Result<Option<Change<DeliveryEffect>>, StoreError> {
    let meta = logged.event.answered_by(delivery::ACTOR);
    let mut carrier = carrier.clone();
    let decided = with.contexts.decide(&meta, |context| {
        known.on_event(logged, &mut carrier, context)
    });
    decided.map_err(|error| StoreError::damaged_row("an event", error.to_string()).because(error))
}

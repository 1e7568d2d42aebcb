//! Commands on orders and shipments: load, let the domain decide, write. If another write came in between, load and
//! decide again.

use waybill_domain::command::{self, Command};
use waybill_domain::context::EventMeta;
use waybill_domain::delivery::{self, Subject};
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::precondition::Preconditions;
use waybill_domain::refusal::Refusal;
use waybill_domain::shipment::{self, Shipment, Update};
use waybill_domain::text::Tenant;
use waybill_store::{Error as StoreError, OrderRecord, OrderRef};

use crate::app::App;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("there is no such thing")]
    NotFound,
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tries while others keep writing the same thing.
const TRIES: usize = 8;

/// Commands an order. Answers the order after it, which is the order as it was when that is so already.
///
/// # Errors
/// [`CommandError`]; nothing was changed then.
pub async fn command_order(
    app: &App,
    tenant: &Tenant,
    by: OrderRef,
    asked: &Preconditions,
    command: &Command,
    meta: &EventMeta,
) -> Result<OrderRecord, CommandError> {
    for _ in 0..TRIES {
        let Some(mut record) = app.store.order(tenant, by.clone()).await? else {
            return Err(CommandError::NotFound);
        };
        asked
            .check(Some(record.order.version))
            .map_err(Refusal::from)?;
        let change = app.contexts().decide(meta, |context| {
            command::decide(&record.order, command, context)
        })?;
        let Some(change) = change else {
            return Ok(record);
        };
        if let Some(order) = &change.order {
            record.order = order.after.clone();
        }
        match advance_one(app, change).await {
            Ok(()) => return Ok(record),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy("the order keeps changing").into())
}

async fn advance_one(app: &App, change: waybill_domain::change::Change) -> Result<(), StoreError> {
    let results = app.store.advance(vec![change], None).await?;
    results
        .into_iter()
        .next()
        .unwrap_or(Err(StoreError::Unavailable(
            "the store gave no answer".into(),
        )))
}

/// Takes a step of a shipment by hand; the simulated carrier leaves it alone from then on. Answers the shipment
/// after it, and whether anything changed.
///
/// # Errors
/// [`CommandError`]; nothing was changed then.
pub async fn update_shipment(
    app: &App,
    tenant: &Tenant,
    id: ShipmentId,
    asked: &Preconditions,
    update: &Update,
    meta: &EventMeta,
) -> Result<(Shipment, bool), CommandError> {
    for _ in 0..TRIES {
        let Some(found) = app.store.shipment(tenant, id).await? else {
            return Err(CommandError::NotFound);
        };
        asked.check(Some(found.version)).map_err(Refusal::from)?;
        let Some(change) = app
            .contexts()
            .decide(meta, |context| shipment::update(&found, update, context))?
        else {
            return Ok((found, false));
        };
        let after = change.shipments.first().map_or(found, |s| s.after.clone());
        match advance_one(app, change).await {
            Ok(()) => return Ok((after, true)),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy("the shipment keeps changing").into())
}

/// The shipments of an order, made now if delivery has not come round to it yet. Empty when nothing may ship.
///
/// # Errors
/// [`CommandError::NotFound`] for an order that is not the tenant's.
pub async fn shipments_of(
    app: &App,
    tenant: &Tenant,
    id: OrderId,
    meta: &EventMeta,
) -> Result<(OrderRecord, Vec<Shipment>), CommandError> {
    for _ in 0..TRIES {
        let Some(record) = app.store.order(tenant, OrderRef::Id(id)).await? else {
            return Err(CommandError::NotFound);
        };
        let held = app.store.deliveries(vec![id]).await?.pop();
        let (known, shipments) =
            held.map_or((None, vec![]), |(_, known, shipments)| (known, shipments));
        let order = &record.order;
        let confirmed = order.status == waybill_domain::status::OrderStatus::Confirmed;
        if !shipments.is_empty() || known.is_some() || !confirmed || !order.open_holds().is_empty()
        {
            return Ok((record, shipments));
        }
        let lines = order
            .lines
            .iter()
            .filter(|l| l.quantities.reserved > 0)
            .map(|l| delivery::Released {
                line: l.id,
                vendor: l
                    .vendor
                    .clone()
                    .unwrap_or_else(waybill_domain::text::Vendor::local),
                quantity: l.quantities.reserved,
                requires_shipping: l.requires_shipping,
            });
        let heard = delivery::Heard::Released {
            lines: lines.collect(),
            open_holds: vec![],
        };
        let subject = Subject {
            order_id: id,
            tenant: tenant.clone(),
            part: order.part,
            seq: order.version,
        };
        let change = app.contexts().decide(meta, |context| {
            delivery::hear(subject, None, &[], heard, &mut app.carrier(), context)
        });
        let Some(change) = change else {
            return Ok((record, vec![]));
        };
        match advance_one(app, change).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy("the order keeps changing").into())
}

//! Commands on orders and shipments: load, let the domain decide, write. Commands on one thing wait for their turn
//! (`tries.rs`); if background work or another process wrote in between, load and decide again.

mod shipments_now;
mod tries;

use std::sync::Arc;

use waybill_domain::change::Change;
use waybill_domain::command::{self, Command};
use waybill_domain::context::EventMeta;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::precondition::Preconditions;
use waybill_domain::refusal::Refusal;
use waybill_domain::shipment::{self, Shipment, Update};
use waybill_domain::stock::{AdjustmentRefusal, StockRow};
use waybill_domain::text::Tenant;
use waybill_store::{
    ArchiveStore, ClaimStore, DeliveryStore, Effect, EffectStore, Error as StoreError, OrderRecord,
    OrderRef, OrderStore, StockChange, StockStore,
};

pub use self::shipments_now::shipments_now;
pub use self::tries::{CommandQueue, Thing, Tries};
use crate::command_error::CommandError;
use crate::context::ContextSource;
use crate::once::Once;

/// What commands on orders use.
#[derive(Clone)]
pub struct OrderCommands {
    pub store: Arc<dyn OrderStore>,
    pub archive: Arc<dyn ArchiveStore>,
    pub claims: Arc<dyn ClaimStore>,
    pub contexts: ContextSource,
    pub queue: CommandQueue,
}

/// What commands on shipments use.
#[derive(Clone)]
pub struct ShipmentCommands {
    pub store: Arc<dyn DeliveryStore>,
    pub claims: Arc<dyn ClaimStore>,
    pub contexts: ContextSource,
    pub queue: CommandQueue,
}

/// What commands on stock use.
#[derive(Clone)]
pub struct StockCommands {
    pub store: Arc<dyn StockStore>,
    pub claims: Arc<dyn ClaimStore>,
    pub queue: CommandQueue,
}

/// The result of a command.
pub struct Commanded<T> {
    /// What was commanded, after it.
    pub after: T,
    /// Whether an earlier request with the same key did it; this one changed nothing.
    pub replayed: bool,
}

impl<T> Commanded<T> {
    fn now(after: T) -> Self {
        Self {
            after,
            replayed: false,
        }
    }

    fn before(after: T) -> Self {
        Self {
            after,
            replayed: true,
        }
    }
}

/// Runs a command on an order and returns the order after it. The order is unchanged if it already is as asked for; for
/// a replay it is the order as it is now.
///
/// # Errors
/// [`CommandError`]; nothing was changed then.
pub async fn command_order(
    with: &OrderCommands,
    once: &Once,
    by: OrderRef,
    asked: &Preconditions,
    command: &Command,
    meta: &EventMeta,
) -> Result<Commanded<OrderRecord>, CommandError> {
    let id = order_id(with, &once.tenant, &by).await?;
    let mut tries = Tries::begin(&with.queue, Thing::Order, (&once.tenant, id)).await?;
    loop {
        let done_before = once.done_before(&*with.claims).await?.is_some();
        let by_id = OrderRef::Id(id);
        let Some(mut record) = with.store.order(&once.tenant, by_id.clone()).await? else {
            return Err(missing(&*with.archive, &once.tenant, by_id).await?);
        };
        if done_before {
            return Ok(Commanded::before(record));
        }
        let decided = asked
            .check(Some(record.order.version))
            .map_err(Refusal::from)
            .and_then(|()| {
                with.contexts.decide(meta, |context| {
                    command::decide(&record.order, command, context)
                })
            });
        let change = match decided {
            Ok(Some(change)) => change,
            Ok(None) => return Ok(Commanded::now(record)),
            Err(refusal) => {
                unless_done_meanwhile(&*with.claims, once, refusal).await?;
                continue;
            }
        };
        record.order = change.effect.order.after.clone();
        match advance_one(once, change, &*with.store).await {
            Ok(()) => return Ok(Commanded::now(record)),
            Err(StoreError::Conflict { .. } | StoreError::KeyUsed) => {}
            Err(error) => return Err(error.into()),
        }
        tries.again().await?;
    }
}

/// The id of an order. Commands may name it by number or reference too, but its queue is by id.
async fn order_id(
    with: &OrderCommands,
    tenant: &Tenant,
    by: &OrderRef,
) -> Result<OrderId, CommandError> {
    if let OrderRef::Id(id) = by {
        return Ok(*id);
    }
    match with.store.order(tenant, by.clone()).await? {
        Some(record) => Ok(record.order.id),
        None => Err(missing(&*with.archive, tenant, by.clone()).await?),
    }
}

/// Why there is no such order.
async fn missing(
    archive: &dyn ArchiveStore,
    tenant: &Tenant,
    by: OrderRef,
) -> Result<CommandError, CommandError> {
    Ok(match archive.archived(tenant, by).await? {
        Some(order) => CommandError::Archived(order.id),
        None => CommandError::NotFound,
    })
}

/// Returns the refusal, unless a request with the same key was committed meanwhile: its effect may be the cause of the
/// refusal, so the caller tries again and finds its result.
async fn unless_done_meanwhile(
    claims: &dyn ClaimStore,
    once: &Once,
    refusal: Refusal,
) -> Result<(), CommandError> {
    match once.done_before(claims).await? {
        Some(_) => Ok(()),
        None => Err(refusal.into()),
    }
}

/// Writes a change together with the key of its command.
async fn advance_one<E: Effect>(
    once: &Once,
    change: Change<E>,
    store: &dyn EffectStore<E>,
) -> Result<(), StoreError> {
    let change = Change {
        claim: once.claim(),
        ..change
    };
    let results = store.write_changes(vec![change], None).await?;
    results
        .into_iter()
        .next()
        .unwrap_or(Err(StoreError::unavailable("the store gave no answer")))
}

/// Whether a write failed because the key of its command was used meanwhile.
#[must_use]
pub fn is_key_used(error: &StoreError) -> bool {
    matches!(error, StoreError::KeyUsed)
}

/// Changes a stock row. Returns the row after the change; for a replay, after the first request.
///
/// # Errors
/// [`CommandError`]; nothing was changed then.
pub async fn adjust_stock(
    with: &StockCommands,
    once: &Once,
    change: &StockChange,
) -> Result<Commanded<StockRow>, CommandError> {
    let row = (&change.tenant, &change.sku, &change.vendor);
    let mut tries = Tries::begin(&with.queue, Thing::StockRow, row).await?;
    loop {
        if let Some(outcome) = once.done_before(&*with.claims).await? {
            let row = change.replayed(&outcome);
            let row = row.ok_or(StoreError::damaged_row("the outcome of a command", outcome))?;
            return Ok(Commanded::before(row));
        }
        let change = StockChange {
            claim: once.claim(),
            ..change.clone()
        };
        match with.store.adjust_stock(vec![change]).await?.pop() {
            Some(Ok(row)) => return Ok(Commanded::now(row)),
            Some(Err(AdjustmentRefusal::KeyUsed)) => {}
            Some(Err(refusal)) => return Err(refusal.into()),
            None => return Err(StoreError::OutcomeUnknown.into()),
        }
        tries.again().await?;
    }
}

/// Takes a step of a shipment by hand; the simulated carrier leaves it alone from then on. Answers the shipment
/// after it.
///
/// # Errors
/// [`CommandError`]; nothing was changed then.
pub async fn update_shipment(
    with: &ShipmentCommands,
    once: &Once,
    id: ShipmentId,
    asked: &Preconditions,
    update: &Update,
    meta: &EventMeta,
) -> Result<Commanded<Shipment>, CommandError> {
    let mut tries = Tries::begin(&with.queue, Thing::Shipment, (&once.tenant, id)).await?;
    loop {
        let done_before = once.done_before(&*with.claims).await?.is_some();
        let Some(found) = with.store.shipment(&once.tenant, id).await? else {
            return Err(CommandError::NotFound);
        };
        if done_before {
            return Ok(Commanded::before(found));
        }
        let decided = asked
            .check(Some(found.version))
            .map_err(Refusal::from)
            .and_then(|()| {
                with.contexts
                    .decide(meta, |context| shipment::update(&found, update, context))
            });
        let change = match decided {
            Ok(Some(change)) => change,
            Ok(None) => return Ok(Commanded::now(found)),
            Err(refusal) => {
                unless_done_meanwhile(&*with.claims, once, refusal).await?;
                continue;
            }
        };
        let after = change
            .effect
            .shipments
            .first()
            .map_or(found, |s| s.after.clone());
        match advance_one(once, change, &*with.store).await {
            Ok(()) => return Ok(Commanded::now(after)),
            Err(StoreError::Conflict { .. } | StoreError::KeyUsed) => {}
            Err(error) => return Err(error.into()),
        }
        tries.again().await?;
    }
}

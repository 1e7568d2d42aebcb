//! Places an order: submits it to the queue, asks the inventory service if the store needs that, and returns the
//! result.

use std::sync::Arc;
use std::time::Instant;

use waybill_domain::claim::ClaimKind;
use waybill_domain::content::{Content, Personal};
use waybill_domain::ids::{OrderId, readable_number};
use waybill_domain::intake::{Birth, NewOrder};
use waybill_domain::money::Minor;
use waybill_domain::once::Reuse;
use waybill_domain::order::{Hold, HoldReason};
use waybill_domain::refusal::Shortage;
use waybill_domain::text::Sku;
use waybill_domain::time::Time;
use waybill_store::{Accepted, Error as StoreError, OrderRecord, OrderRef, Store};

use super::draft::Draft;
use super::stored::json;
use super::{Intake, IntakeError, claims};
use crate::auth::Identity;
use crate::context::ContextSource;
use crate::inventory::{self, Guarded, InventoryError};
use crate::observe::tally::Tally;

/// What placing an order uses.
pub struct Placing {
    pub intake: Arc<Intake>,
    /// Where the order of a replay is read.
    pub store: Arc<dyn Store>,
    /// The inventory service for skus that the store does not track, if one is configured.
    pub inventory: Option<Arc<Guarded>>,
    pub contexts: ContextSource,
    /// Counts what becomes of orders.
    pub tally: Arc<Tally>,
    /// How long an order waits for vendors.
    pub sourcing_ms: i64,
}

/// The parts of an order that are fixed at its creation; the first answer and its replays are rendered from them.
pub struct Receipt {
    pub id: OrderId,
    pub number: String,
    pub content: Content,
    pub personal: Personal,
    pub holds: Vec<Hold>,
    pub birth: Birth,
    pub created_at: Time,
    /// Whether the order existed already, so that its first answer is repeated.
    pub replayed: bool,
}

/// Why no order was made.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error("the key, reference or number was used before for another order")]
    Taken { kind: ClaimKind, order_id: OrderId },
    #[error("not enough stock")]
    Short(Vec<Shortage>),
    #[error("these skus are not known here")]
    UnknownSkus(Vec<Sku>),
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    /// The order of this key, reference or number is in the archive.
    #[error("the order {0} is in the archive")]
    Archived(OrderId),
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl From<StoreError> for PlaceError {
    fn from(error: StoreError) -> Self {
        Self::Intake(IntakeError::Store(error))
    }
}

/// Tries of one order: skus may become tracked or untracked while the inventory service is asked.
const ROUNDS: usize = 3;

/// Places an order.
///
/// # Errors
/// [`PlaceError`]; nothing was stored, except perhaps after [`StoreError::OutcomeUnknown`].
pub async fn place(
    with: &Placing,
    identity: &Identity,
    draft: Draft,
) -> Result<Receipt, PlaceError> {
    let begun = Instant::now();
    let placed = decided(with, identity, draft).await;
    match &placed {
        Ok(receipt) if receipt.replayed => {}
        Ok(_) => with.tally.made(begun.elapsed()),
        Err(_) => with.tally.refused(),
    }
    placed
}

async fn decided(with: &Placing, identity: &Identity, draft: Draft) -> Result<Receipt, PlaceError> {
    let now = with.contexts.now();
    let dialect = draft.dialect;
    let inventory = with.inventory.as_deref();
    let inventory = inventory.filter(|_| draft.asks_inventory);
    let compared_total = draft.compared_total;
    let (new, content, personal) =
        draft.into_new_order(identity, &with.contexts.entropy, now, with.sourcing_ms);
    let mut new = Arc::new(new);
    for _ in 0..ROUNDS {
        match with.intake.submit(new.clone()).await? {
            Accepted::Created { number, birth } => {
                let number = content
                    .order_number
                    .clone()
                    .unwrap_or_else(|| readable_number(number));
                return Ok(Receipt {
                    id: new.id,
                    number,
                    content,
                    personal,
                    holds: new.holds.clone(),
                    birth,
                    created_at: now,
                    replayed: false,
                });
            }
            Accepted::Replayed { order_id } => return replay(&*with.store, &new, order_id).await,
            Accepted::Taken { kind, holder } => {
                let earlier = earlier_body_hash(dialect, &content, compared_total, &new);
                return match holder.answer(kind, &earlier) {
                    Reuse::Replay(order_id) => replay(&*with.store, &new, order_id).await,
                    Reuse::OtherRequest => Err(PlaceError::Taken {
                        kind,
                        order_id: holder.order_id,
                    }),
                };
            }
            Accepted::Short(shortages) => return Err(PlaceError::Short(shortages)),
            Accepted::AskInventory(skus) => {
                new = Arc::new(ask(inventory, &new, skus).await?);
            }
        }
    }
    Err(StoreError::busy("stock of these skus keeps changing").into())
}

/// The same order with the inventory service's answers about untracked skus. No transaction is open meanwhile.
async fn ask(
    inventory: Option<&Guarded>,
    new: &NewOrder,
    skus: Vec<Sku>,
) -> Result<NewOrder, PlaceError> {
    let Some(inventory) = inventory else {
        return Err(PlaceError::UnknownSkus(skus));
    };
    let wanted = |sku: &Sku| {
        new.lines
            .iter()
            .filter(|l| l.sku == *sku)
            .map(|l| l.quantity)
            .sum::<i64>()
    };
    let demands = skus.into_iter().map(|sku| {
        let units = wanted(&sku);
        (sku, units)
    });
    let mut known = new.inventory.clone().unwrap_or_default();
    known.extend(inventory::answers(inventory, demands.collect()).await?);
    Ok(NewOrder {
        inventory: Some(known),
        ..new.clone()
    })
}

/// The hash of the body as earlier versions made it, which took metadata as it was sent. Claims that they left hold it:
/// those of keys for a day, those of references and numbers for good.
fn earlier_body_hash(
    dialect: &str,
    content: &Content,
    compared_total: Minor,
    new: &NewOrder,
) -> [u8; 16] {
    let content = json(&Content {
        total: compared_total,
        ..content.clone()
    });
    let holds: Vec<HoldReason> = new.holds.iter().map(|hold| hold.reason).collect();
    claims::order_body(dialect, &content, new.personal.as_deref(), &holds)
}

async fn replay(store: &dyn Store, new: &NewOrder, id: OrderId) -> Result<Receipt, PlaceError> {
    if let Some(record) = store.order(&new.tenant, OrderRef::Id(id)).await? {
        return receipt_of(record).map_err(Into::into);
    }
    if store.is_archived(&new.tenant, id).await? {
        return Err(PlaceError::Archived(id));
    }
    let detail = format!("the order {id} of a claim is not there");
    Err(StoreError::damaged_row("claims", detail).into())
}

/// The receipt of a stored order.
fn receipt_of(record: OrderRecord) -> Result<Receipt, StoreError> {
    let damaged = |e: serde_json::Error| {
        StoreError::damaged_row("an order's content", e.to_string()).because(e)
    };
    let created_at = record.order.created_at;
    Ok(Receipt {
        id: record.order.id,
        number: record
            .caller_number
            .unwrap_or_else(|| readable_number(record.number)),
        content: serde_json::from_str(&record.content).map_err(damaged)?,
        personal: record
            .personal
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(damaged)?
            .unwrap_or_default(),
        // Holds placed later were not part of the first answer.
        holds: record
            .order
            .holds
            .into_iter()
            .filter(|h| h.placed_at == created_at)
            .map(|h| Hold {
                released_at: None,
                ..h
            })
            .collect(),
        birth: record.birth,
        created_at,
        replayed: true,
    })
}

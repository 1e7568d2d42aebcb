//! Decides whether an order is accepted, inside the batch that writes it and while its stock rows are locked.

mod accepted;
mod stock_view;

use crate::change::NewWork;
use crate::claim::Claim;
use crate::context::EventMeta;
use crate::event::{NewEvent, body};
use crate::ids::{EventId, OrderId};
use crate::order::{Hold, Line, Order};
use crate::quantities::Quantities;
use crate::refusal::Shortage;
use crate::reservation::ReservationMove;
use crate::sourcing::{self, Need};
use crate::status::{AllocationPolicy, OrderStatus};
use crate::stock::StockLevel;
use crate::text::{Sku, Tenant, Vendor};
use crate::time::Time;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

pub use stock_view::{StockView, VendorStock};

/// The part of a line that intake needs; the other fields are in the content.
#[derive(Clone, Debug)]
pub struct NewLine {
    pub sku: Sku,
    pub quantity: i64,
    pub requires_shipping: bool,
}

/// The inventory service's answer about a sku that is not tracked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InventoryAnswer {
    pub sku: Sku,
    pub available: i64,
}

/// A checked order that is ready for the store. All its ids are made already, so that a retry stores the same ones.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub id: OrderId,
    pub tenant: Tenant,
    pub created_at: Time,
    /// The wire format by which it came.
    pub dialect: &'static str,
    pub claims: Vec<Claim>,
    /// The first 16 bytes of the SHA-256 of dialect, route and body.
    pub body_hash: [u8; 16],
    pub policy: AllocationPolicy,
    pub lines: Vec<NewLine>,
    pub holds: Vec<Hold>,
    pub customer_id: Option<Arc<str>>,
    pub caller_number: Option<Arc<str>>,
    pub promised_by: Option<Time>,
    /// How long the order waits for vendors.
    pub sourced_by: Time,
    /// When the customer placed the order, if the caller gives it.
    pub placed_at: Option<Time>,
    /// JSON of [`crate::content::Content`].
    pub content: Arc<str>,
    /// JSON of [`crate::content::Personal`], if there is any.
    pub personal: Option<Arc<str>>,
    /// The ids of `order.created` and `order.confirmed`.
    pub event_ids: [EventId; 2],
    pub meta: EventMeta,
    /// The inventory service's answers; `None` when it was not asked.
    pub inventory: Option<Vec<InventoryAnswer>>,
}

/// An order that will be written.
#[derive(Clone, Debug)]
pub struct AcceptedOrder {
    pub order: Order,
    pub number: i64,
    pub events: Vec<NewEvent>,
    /// The units that the order reserves in stock rows, per line.
    pub reserved: Vec<ReservationMove>,
    /// The calls to vendors that it needs.
    pub work: Vec<NewWork>,
}

/// What intake decides about one order.
#[derive(Clone, Debug)]
pub enum Decision {
    Accept(Box<AcceptedOrder>),
    /// Stock is short, and the order may not wait for it. Nothing is reserved, and the order is refused.
    Short(Vec<Shortage>),
    /// These skus are not tracked here; the inventory service must be asked first. Nothing is reserved.
    AskInventory(Vec<Sku>),
}

/// Which stock rows an order is decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookedAt {
    /// Our own. An order that they are short of is not accepted before vendors were looked at too.
    OurStock,
    /// Our own and those of the vendors in use.
    AllSources,
}

impl NewOrder {
    /// Whether units that are short may wait for stock; otherwise the order is refused.
    #[must_use]
    pub fn may_wait(&self) -> bool {
        self.policy != AllocationPolicy::Reject
    }
}

/// Decides one order against `stock`, and takes from it what the order reserves.
///
/// Our own stock comes first: an order that it has everything for is confirmed at once, and no vendor is looked at. What
/// it is short of comes from vendors, which are asked afterwards: such an order is pending. So is one that may wait for
/// what nobody has.
///
/// `number` is its readable number, `partition` the partition of the log its batch goes to.
#[must_use]
pub fn decide(
    new: &NewOrder,
    number: i64,
    partition: u16,
    stock: &mut StockView,
    looked_at: LookedAt,
) -> Decision {
    let mut missing = vec![];
    let mut shortages: Vec<Shortage> = vec![];
    let mut needs_vendors = false;
    for (sku, requested) in demand(&new.lines) {
        let ours = stock.local.get(sku).map(StockLevel::available);
        let available = match (ours, stock.at_vendors(sku)) {
            (Some(ours), _) if ours >= requested => ours,
            (None, None) => match inventory(new, sku) {
                Some(available) => available,
                None => {
                    missing.push(sku.clone());
                    continue;
                }
            },
            (ours, theirs) => {
                needs_vendors |= theirs.is_some();
                ours.unwrap_or(0) + theirs.unwrap_or(0)
            }
        };
        if available < requested {
            shortages.push(Shortage {
                sku: sku.clone(),
                requested,
                available,
            });
        }
    }
    if !missing.is_empty() {
        return Decision::AskInventory(missing);
    }
    if !shortages.is_empty() {
        // What the inventory service has not is nothing to wait for: nobody tells when there is more.
        let can_wait = new.may_wait()
            && looked_at == LookedAt::AllSources
            && shortages.iter().all(|short| stock.knows(&short.sku));
        if !can_wait {
            return Decision::Short(shortages);
        }
        let needs = tracked(new, stock);
        let plan = sourcing::plan_available(&needs, &stock.offers(&needs));
        let accepted = accepted::pending_order(new, number, partition, stock, &plan);
        return Decision::Accept(Box::new(accepted));
    }
    if !needs_vendors {
        let accepted = accepted::confirmed_order(new, number, partition, stock);
        return Decision::Accept(Box::new(accepted));
    }
    let needs = tracked(new, stock);
    match sourcing::plan(&needs, &stock.offers(&needs)) {
        Ok(plan) => {
            let accepted = accepted::pending_order(new, number, partition, stock, &plan);
            Decision::Accept(Box::new(accepted))
        }
        Err(shortages) => Decision::Short(shortages),
    }
}

/// What the inventory service has of a sku; `None` when it was not asked.
fn inventory(new: &NewOrder, sku: &Sku) -> Option<i64> {
    let mut answers = new.inventory.iter().flatten();
    answers
        .find(|answer| answer.sku == *sku)
        .map(|a| a.available)
}

/// The lines of skus that we or vendors have a stock row of; the inventory service has agreed to the others.
fn tracked(new: &NewOrder, stock: &StockView) -> Vec<Need> {
    let lines = new.lines.iter().zip(1_u16..);
    let of = lines.filter(|(line, _)| stock.knows(&line.sku));
    of.map(|(line, id)| Need {
        line: id,
        sku: line.sku.clone(),
        units: line.quantity,
    })
    .collect()
}

/// Demand summed per sku, in the order the skus first appear.
fn demand(lines: &[NewLine]) -> Vec<(&Sku, i64)> {
    let mut sums: Vec<(&Sku, i64)> = Vec::with_capacity(lines.len());
    if lines.len() > 16 {
        let mut by_sku: HashMap<&Sku, usize> = HashMap::with_capacity(lines.len());
        for line in lines {
            let next = sums.len();
            let at = *by_sku.entry(&line.sku).or_insert(next);
            if at == next {
                sums.push((&line.sku, line.quantity));
            } else {
                sums[at].1 += line.quantity;
            }
        }
        return sums;
    }
    for line in lines {
        match sums.iter_mut().find(|(sku, _)| **sku == line.sku) {
            Some((_, sum)) => *sum += line.quantity,
            None => sums.push((&line.sku, line.quantity)),
        }
    }
    sums
}

/// The order's state at its creation, from which a replay renders the first answer again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Birth {
    pub status: OrderStatus,
    pub version: i64,
    /// The vendor and the quantities of each line.
    pub lines: Vec<(Option<Vendor>, Quantities)>,
    /// The units of lines that several vendors are asked for, by the line's id.
    pub splits: Vec<(u16, body::Source)>,
    /// The wire format by which the order came; `None` for orders of earlier versions, which did not note it.
    pub dialect: Option<Cow<'static, str>>,
}

impl Birth {
    /// Records the birth of an order that was just created.
    #[must_use]
    pub fn of(new: &NewOrder, order: &Order) -> Self {
        let line = |l: &Line| (l.first_vendor().cloned(), l.quantities);
        let split = |l: &Line| {
            let parts = l.by_vendor();
            let several = if parts.len() > 1 { parts } else { vec![] };
            let id = l.id;
            several.into_iter().map(move |part| (id, part))
        };
        Self {
            status: order.status,
            version: order.version,
            lines: order.lines.iter().map(line).collect(),
            splits: order.lines.iter().flat_map(split).collect(),
            dialect: Some(new.dialect.into()),
        }
    }
}

#[cfg(test)]
mod tests;

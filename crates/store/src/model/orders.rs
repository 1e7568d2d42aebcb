//! Orders as they are taken and read.

use super::base::Page;
use super::log::Positions;
use waybill_domain::claim::{Claim, ClaimKind, Holder};
use waybill_domain::ids::OrderId;
use waybill_domain::intake::{Birth, NewOrder};
use waybill_domain::once::Reuse;
use waybill_domain::order::Order;
use waybill_domain::refusal::Shortage;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Sku;
use waybill_domain::time::Time;

/// The result of one order of a batch.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// New, and durable.
    Created { number: i64, birth: Birth },
    /// Its claim was used before with the same body; `order_id` is the order that was made then.
    Replayed { order_id: OrderId },
    /// Its claim was used before with another body.
    Taken { kind: ClaimKind, holder: Holder },
    /// Short of stock; nothing is held, its claims are free again.
    Short(Vec<Shortage>),
    /// The inventory service must be asked about these skus first; nothing is held.
    AskInventory(Vec<Sku>),
}

impl Accepted {
    /// The result of an order that lost a claim to another order.
    pub(crate) fn of_lost(new: &NewOrder, claim: &Claim, holder: Holder) -> Self {
        let kind = claim.kind;
        match holder.answer(kind, &new.body_hash) {
            Reuse::Replay(order_id) => Self::Replayed { order_id },
            Reuse::OtherRequest => Self::Taken { kind, holder },
        }
    }
}

/// An order as it is read: its present state and its constant content.
#[derive(Clone, Debug)]
pub struct OrderRecord {
    pub order: Order,
    pub number: i64,
    pub caller_number: Option<String>,
    /// JSON of `content::Content`.
    pub content: String,
    /// JSON of `content::Personal`, unless there was none or it was erased.
    pub personal: Option<String>,
    pub birth: Birth,
}

/// How a caller identifies an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderRef {
    Id(OrderId),
    /// One of our readable numbers.
    Number(i64),
    /// A number or reference the caller gave: its claim.
    Claim {
        kind: ClaimKind,
        hash: [u8; 16],
    },
}

/// Which orders a list shows; newest first.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    pub statuses: Vec<OrderStatus>,
    pub customer_id: Option<String>,
    pub sku: Option<String>,
    /// Orders that came by this wire format.
    pub dialect: Option<&'static str>,
    pub updated_since: Option<Time>,
    pub placed_from: Option<Time>,
    pub placed_to: Option<Time>,
    /// Only orders whose number is below this one.
    pub before: Option<i64>,
    pub limit: usize,
}

/// A page of orders and the positions of the log at which exactly this was their state.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub page: Page<OrderRecord, i64>,
    pub positions: Positions,
}

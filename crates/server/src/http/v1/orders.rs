//! Reading orders for `/v1`: how a path names one, and what is shown of it.

use axum::response::Response;
use http::StatusCode;
use serde::de::DeserializeOwned;
use waybill_domain::content::{Content, Personal};
use waybill_domain::ids::{OrderId, parse_readable_number, readable_number};
use waybill_domain::intake::ClaimKind;
use waybill_domain::precondition::{Preconditions, Tag};
use waybill_domain::problem::code;
use waybill_domain::shipment::Shipment;
use waybill_domain::text::{Tenant, quoted};
use waybill_store::{Error as StoreError, OrderRecord, OrderRef, Store};

use super::answer::Answer;
use super::apis::OrdersApi;
use super::call::versioned;
use super::codes;
use super::errors;
use super::order_view::{OrderView, Standing};
use super::preconditions;
use super::problem::Problem;
use super::unreadable::UnreadableOrder;
use crate::command_error::CommandError;
use crate::intake::claims;

/// The order that a path names: an id, `number:…` or `ref:…`.
///
/// # Errors
/// `invalid_id`.
pub fn named(text: &str) -> Result<OrderRef, Problem> {
    if text.contains('\0') || text.len() > 2_000 {
        return Err(no_name(text));
    }
    if let Some(number) = text.strip_prefix("number:") {
        return Ok(match parse_readable_number(number) {
            Some(n) => OrderRef::Number(n),
            None => claimed(ClaimKind::Number, number),
        });
    }
    if let Some(reference) = text.strip_prefix("ref:") {
        return Ok(claimed(ClaimKind::Reference, reference));
    }
    OrderId::parse(text)
        .map(OrderRef::Id)
        .ok_or_else(|| no_name(text))
}

fn claimed(kind: ClaimKind, value: &str) -> OrderRef {
    OrderRef::Claim {
        kind,
        hash: claims::named(kind, value),
    }
}

fn no_name(text: &str) -> Problem {
    let detail = format!(
        "expected a UUID, number:WB-000123 or ref:your-reference; found {}",
        quoted(text)
    );
    Problem::new(code::INVALID_ID, detail).of("id")
}

/// 404.
#[must_use]
pub fn not_found() -> Problem {
    Problem::new(
        codes::ORDER_NOT_FOUND,
        "no order of yours has this id, number or reference",
    )
}

/// An order of a tenant.
///
/// # Errors
/// `invalid_id`, `order_not_found`, or the store's.
pub async fn find(store: &dyn Store, tenant: &Tenant, name: &str) -> Result<OrderRecord, Problem> {
    let found = store.order(tenant, named(name)?).await?;
    found.ok_or_else(not_found)
}

/// The shipments of an order, first one first.
///
/// # Errors
/// The store's.
pub async fn shipments(store: &dyn Store, id: OrderId) -> Result<Vec<Shipment>, Problem> {
    let held = store.deliveries(vec![id]).await?.pop();
    Ok(held.map_or_else(Vec::new, |(_, _, shipments)| shipments))
}

/// Why a command on an order was not done.
pub fn refused(error: CommandError) -> Problem {
    errors::of_command(error, not_found)
}

/// A stored order with its texts read.
pub struct Shown {
    record: OrderRecord,
    number: String,
    content: Content,
    personal: Personal,
    shipments: Option<Vec<Shipment>>,
}

impl Shown {
    /// Reads the texts of a record; without shipments, none are told of.
    ///
    /// # Errors
    /// They do not hold what was written.
    pub fn new(record: OrderRecord, shipments: Option<Vec<Shipment>>) -> Result<Self, Problem> {
        Self::read(record, shipments).map_err(Problem::from)
    }

    fn read(record: OrderRecord, shipments: Option<Vec<Shipment>>) -> Result<Self, StoreError> {
        let number = record.caller_number.clone();
        Ok(Self {
            number: number.unwrap_or_else(|| readable_number(record.number)),
            content: read("an order's content", &record.content)?,
            personal: match &record.personal {
                Some(text) => read("an order's personal data", text)?,
                None => Personal::default(),
            },
            record,
            shipments,
        })
    }

    /// Orders of a page as far as they can be read, and those that cannot. Each of those is logged.
    #[must_use]
    pub fn all(
        records: impl Iterator<Item = (OrderRecord, Option<Vec<Shipment>>)>,
    ) -> (Vec<Self>, Vec<UnreadableOrder>) {
        let mut shown = vec![];
        let mut unreadable = vec![];
        for (record, shipments) in records {
            let named = UnreadableOrder::of(&record);
            match Self::read(record, shipments) {
                Ok(order) => shown.push(order),
                Err(error) => {
                    tracing::error!(order_id = %named.id(), error = waybill_store::with_sources(&error), "an order cannot be shown");
                    unreadable.push(named);
                }
            }
        }
        (shown, unreadable)
    }

    /// The order's view.
    #[must_use]
    pub fn view(&self) -> OrderView<'_> {
        let order = &self.record.order;
        let lines = order.lines.iter();
        let standing = Standing {
            id: order.id,
            number: &self.number,
            status: order.status,
            version: order.version,
            lines: lines.map(|l| (l.vendor.as_ref(), l.quantities)).collect(),
            holds: &order.holds,
            shipments: self.shipments.as_deref(),
            created_at: order.created_at,
            updated_at: order.updated_at,
            completed_at: order.completed_at,
            cancelled_at: order.cancelled_at,
            cancel_reason: order.cancel_reason.as_deref(),
            is_stored: true,
        };
        OrderView::new(&standing, &self.content, &self.personal)
    }

    /// What a reader is shown. The version tells of the order and not of its shipments, which go on by themselves: who
    /// has this version is spared the answer only when no shipment has changed since the order did.
    ///
    /// # Errors
    /// 412.
    pub fn answer_unless_known(&self, asked: &Preconditions) -> Answer {
        let order = &self.record.order;
        let mut shipments = self.shipments.iter().flatten();
        let told = shipments.all(|shipment| shipment.updated_at < order.updated_at);
        let tag = Tag::of(order.version);
        if asked.read(tag)? && told {
            return preconditions::show(asked, tag, &());
        }
        Ok(self.answer(StatusCode::OK))
    }

    /// The whole answer.
    #[must_use]
    pub fn answer(&self, status: StatusCode) -> Response {
        versioned(status, self.record.order.version, &self.view())
    }
}

fn read<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| {
        let detail = e.to_string();
        StoreError::damaged_row(what, detail).because(e)
    })
}

/// Answers an order as it stands now, its shipments included.
///
/// # Errors
/// The store's.
pub async fn answer(api: &OrdersApi, status: StatusCode, record: OrderRecord) -> Answer {
    let shipments = shipments(&*api.store, record.order.id).await?;
    Ok(Shown::new(record, Some(shipments))?.answer(status))
}

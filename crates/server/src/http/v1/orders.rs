//! Reading orders for `/v1`: how a path names an order, and which answer shows it.

use axum::response::Response;
use http::StatusCode;
use serde::de::DeserializeOwned;
use waybill_domain::claim::ClaimKind;
use waybill_domain::content::{Content, Personal};
use waybill_domain::echo::quoted;
use waybill_domain::ids::{OrderId, parse_readable_number, readable_number};
use waybill_domain::precondition::{Preconditions, Tag};
use waybill_domain::problem::code;
use waybill_domain::text::Tenant;
use waybill_store::{Error as StoreError, OrderRecord, OrderRef, Store};

use super::answer::Answer;
use super::call::versioned;
use super::codes;
use super::errors;
use super::line_view::StandingLine;
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

/// 404, of the archive.
#[must_use]
pub fn not_archived() -> Problem {
    Problem::new(
        codes::ORDER_NOT_FOUND,
        "no order of yours in the archive has this id, number or reference",
    )
}

/// An order of a tenant.
///
/// # Errors
/// `invalid_id`, `order_not_found`, `order_archived`, or the store's.
pub async fn find(store: &dyn Store, tenant: &Tenant, name: &str) -> Result<OrderRecord, Problem> {
    let name = named(name)?;
    if let Some(found) = store.order(tenant, name.clone()).await? {
        return Ok(found);
    }
    match store.archived(tenant, name).await? {
        Some(order) => Err(errors::archived(order.id)),
        None => Err(not_found()),
    }
}

/// Why a command on an order was not done.
pub fn refused(error: CommandError) -> Problem {
    errors::of_command(error, not_found)
}

/// Whether an order is shown with its shipments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shipments {
    Shown,
    /// In snapshots, whose orders are as of one position of the feed: shipments change without the order's version.
    LeftOut,
}

/// A stored order with its texts read.
pub struct Shown {
    record: OrderRecord,
    number: String,
    content: Content,
    personal: Personal,
    shipments: Shipments,
}

impl Shown {
    /// Reads the texts of a record, which is shown with its shipments.
    ///
    /// # Errors
    /// The stored texts are damaged.
    pub fn new(record: OrderRecord) -> Result<Self, Problem> {
        Self::read(record, Shipments::Shown).map_err(Problem::from)
    }

    fn read(record: OrderRecord, shipments: Shipments) -> Result<Self, StoreError> {
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
        records: Vec<OrderRecord>,
        shipments: Shipments,
    ) -> (Vec<Self>, Vec<UnreadableOrder>) {
        let mut shown = vec![];
        let mut unreadable = vec![];
        for record in records {
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
            lines: lines
                .map(|line| StandingLine {
                    vendor: line.first_vendor(),
                    sources: &line.sources,
                    quantities: line.quantities,
                })
                .collect(),
            holds: &order.holds,
            shipments: (self.shipments == Shipments::Shown).then_some(&*order.shipments),
            created_at: order.created_at,
            updated_at: order.updated_at,
            completed_at: order.completed_at,
            cancelled_at: order.cancelled_at,
            cancel_reason: order.cancel_reason.as_deref(),
            is_stored: true,
        };
        OrderView::new(&standing, &self.content, &self.personal)
    }

    /// The answer to a read; 304 if the reader has the same. The version does not cover shipments, so there is a 304 only
    /// when every answer with this version showed the shipments as they are now.
    ///
    /// # Errors
    /// 412.
    pub fn answer_unless_known(&self, asked: &Preconditions) -> Answer {
        let order = &self.record.order;
        let told = order.shipments.iter().all(|s| s.shown_in <= order.version);
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
/// Its texts cannot be read.
pub fn answer(status: StatusCode, record: OrderRecord) -> Answer {
    Ok(Shown::new(record)?.answer(status))
}

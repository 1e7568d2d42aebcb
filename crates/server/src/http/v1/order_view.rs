//! An order as `/v1` shows it: its content exactly as sent, and its present state. Members without a value are null,
//! not left out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use waybill_domain::content::{Address, Charge, Content, DeliveryMethod, Personal};
use waybill_domain::ids::OrderId;
use waybill_domain::money::Currency;
use waybill_domain::order::Hold;
use waybill_domain::shipment::ShipmentCopy;
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;

use super::amount_view::Amount;
use super::line_view::{LineView, StandingLine};
use super::shipment_view::ShipmentView;
use super::unreadable::Unreadable;

/// An order's present state, whether it was just made, replayed or read.
pub struct Standing<'a> {
    pub id: OrderId,
    pub number: &'a str,
    pub status: OrderStatus,
    pub version: i64,
    /// Per line, in the order of the content's lines.
    pub lines: Vec<StandingLine<'a>>,
    pub holds: &'a [Hold],
    /// None where the order is shown without them.
    pub shipments: Option<&'a [ShipmentCopy]>,
    pub created_at: Time,
    pub updated_at: Time,
    pub completed_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    pub cancel_reason: Option<&'a str>,
    /// Whether its texts come from the store, where an earlier version may have left metadata that not every client
    /// can read.
    pub is_stored: bool,
}

/// An order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub struct OrderView<'a> {
    /// Its id.
    #[schema(value_type = super::schemas::Id)]
    id: OrderId,
    /// The caller's number, or the one that Waybill gave.
    #[schema(example = "WB-000123")]
    order_number: &'a str,
    /// The caller's own name for the order.
    client_reference: Option<&'a str>,
    /// Where it was sold.
    channel: Option<&'a str>,
    /// The order that this one replaces.
    #[schema(value_type = Option<super::schemas::Id>)]
    replaces_order_id: Option<OrderId>,
    /// Where it stands.
    #[schema(value_type = super::schemas::OrderStatus)]
    status: OrderStatus,
    /// Rises with every change; `ETag` and `If-Match` are this number in quotes.
    #[schema(minimum = 1)]
    version: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: &'a str,
    /// What the customer pays.
    #[schema(value_type = super::schemas::Decimal)]
    total: Amount,
    /// Whether prices include the taxes.
    tax_included: bool,
    /// What was ordered, and where its units are.
    lines: Vec<LineView<'a>>,
    /// What shipping costs.
    shipping_lines: Vec<ChargeView<'a>>,
    /// Further charges.
    fees: Vec<ChargeView<'a>>,
    /// Who ordered.
    customer: Option<CustomerView<'a>>,
    /// Where it goes.
    #[schema(value_type = Option<super::schemas::Address>)]
    shipping_address: Option<&'a Address>,
    /// Where the invoice goes.
    #[schema(value_type = Option<super::schemas::Address>)]
    billing_address: Option<&'a Address>,
    /// How it is to be delivered.
    delivery_method: Option<DeliveryMethodView<'a>>,
    /// As the shop knows it.
    payment_status: Option<&'a str>,
    /// The payment's name at its provider.
    payment_reference: Option<&'a str>,
    /// What becomes of lines that are short.
    #[schema(value_type = super::schemas::AllocationPolicy)]
    allocation_policy: &'static str,
    /// Holds, released ones included.
    holds: Vec<HoldView<'a>>,
    /// First one first, as far as the order has taken their news in: a few milliseconds behind `/v1/shipments`. Items of a
    /// snapshot are without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    shipments: Option<Vec<ShipmentView<'a>>>,
    /// The caller's own object, as it was sent.
    #[schema(value_type = Option<Object>)]
    metadata: Option<&'a RawValue>,
    /// Free text for those who handle the order.
    notes: Option<&'a str>,
    /// Why it was cancelled.
    cancel_reason: Option<&'a str>,
    /// When it was placed, as the caller said.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    placed_at: Option<Time>,
    /// When it was promised to arrive.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    promised_by: Option<Time>,
    /// When it was taken.
    #[schema(value_type = super::schemas::Timestamp)]
    created_at: Time,
    /// When it last changed.
    #[schema(value_type = super::schemas::Timestamp)]
    updated_at: Time,
    /// When its last unit was delivered.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    completed_at: Option<Time>,
    /// When it was cancelled.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    cancelled_at: Option<Time>,
    /// There alone where a value, taken by an earlier version, is no JSON that every client can read: its text, by its
    /// path. The value itself is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    unreadable: Option<BTreeMap<String, &'a str>>,
}

/// A charge beside the lines.
#[derive(Serialize, ToSchema)]
#[schema(as = Charge)]
struct ChargeView<'a> {
    /// The caller's code for the charge.
    code: &'a str,
    /// Its price.
    #[schema(value_type = super::schemas::Decimal)]
    price: Amount,
    /// Its tax.
    #[schema(value_type = Option<super::schemas::Decimal>)]
    tax: Option<Amount>,
}

/// Who ordered.
#[derive(Serialize, ToSchema)]
#[schema(as = Customer)]
struct CustomerView<'a> {
    /// The customer's id at the caller.
    id: Option<&'a str>,
    /// Personal data.
    email: Option<&'a str>,
    /// Personal data.
    phone: Option<&'a str>,
    /// A language and region, such as de-DE.
    locale: Option<&'a str>,
}

/// How it is to be delivered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeliveryMethod)]
struct DeliveryMethodView<'a> {
    /// The caller's code for it.
    code: &'a str,
    /// Its name, for people.
    name: Option<&'a str>,
    /// How fast, in the carrier's words.
    service_level: Option<&'a str>,
}

/// A gate: while one is open, delivery does not start.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Hold)]
struct HoldView<'a> {
    /// Its id.
    #[schema(value_type = super::schemas::Id)]
    id: waybill_domain::ids::HoldId,
    /// Why.
    #[schema(value_type = super::schemas::HoldReason)]
    reason: &'static str,
    /// What was said about it.
    note: Option<&'a str>,
    /// When it was placed.
    #[schema(value_type = super::schemas::Timestamp)]
    placed_at: Time,
    /// Who placed it.
    placed_by: &'a str,
    /// When it was released; null while it is open.
    #[schema(value_type = Option<super::schemas::Timestamp>)]
    released_at: Option<Time>,
}

impl<'a> OrderView<'a> {
    /// Puts together what was sent and where it stands.
    #[must_use]
    pub fn new(standing: &Standing<'a>, content: &'a Content, personal: &'a Personal) -> Self {
        let currency = content.currency;
        let mut unreadable = Unreadable::default();
        let mut metadata = |path: &dyn Fn() -> String, raw: Option<&'a RawValue>| {
            if standing.is_stored {
                unreadable.unless_readable(path, raw)
            } else {
                raw
            }
        };
        let lines = (1..).zip(&content.lines).zip(&standing.lines);
        let charges = |charges: &'a [Charge]| {
            let view = |charge| ChargeView::new(charge, currency);
            charges.iter().map(view).collect()
        };
        Self {
            id: standing.id,
            order_number: standing.number,
            client_reference: content.client_reference.as_deref(),
            channel: content.channel.as_deref(),
            replaces_order_id: content.replaces_order_id,
            status: standing.status,
            version: standing.version,
            currency: content.currency.as_str(),
            total: Amount(content.total.show(currency)),
            tax_included: content.tax_included,
            lines: lines
                .map(|((id, line), standing)| {
                    let path = || format!("lines[{}].metadata", id - 1);
                    let metadata = metadata(&path, line.metadata.as_deref());
                    let mut view = LineView::new(id, line, standing, currency);
                    view.metadata = metadata;
                    view
                })
                .collect(),
            shipping_lines: charges(&content.shipping_lines),
            fees: charges(&content.fees),
            customer: CustomerView::new(content, personal),
            shipping_address: personal.shipping_address.as_ref(),
            billing_address: personal.billing_address.as_ref(),
            delivery_method: content
                .delivery_method
                .as_ref()
                .map(DeliveryMethodView::new),
            payment_status: content.payment_status.as_deref(),
            payment_reference: content.payment_reference.as_deref(),
            allocation_policy: content.allocation_policy.as_str(),
            holds: standing.holds.iter().map(HoldView::new).collect(),
            shipments: standing.shipments.map(|copies| {
                let each = copies.iter();
                each.map(|copy| ShipmentView::of_order(standing.id, copy))
                    .collect()
            }),
            metadata: metadata(&|| "metadata".into(), content.metadata.as_deref()),
            notes: personal.notes.as_deref(),
            cancel_reason: standing.cancel_reason,
            placed_at: content.placed_at,
            promised_by: content.promised_by,
            created_at: standing.created_at,
            updated_at: standing.updated_at,
            completed_at: standing.completed_at,
            cancelled_at: standing.cancelled_at,
            unreadable: unreadable.texts(),
        }
    }
}

impl<'a> ChargeView<'a> {
    fn new(charge: &'a Charge, currency: Currency) -> Self {
        Self {
            code: &charge.code,
            price: Amount(charge.price.show(currency)),
            tax: charge.tax.map(|amount| Amount(amount.show(currency))),
        }
    }
}

impl<'a> CustomerView<'a> {
    fn new(content: &'a Content, personal: &'a Personal) -> Option<Self> {
        let view = Self {
            id: content.customer_id.as_deref(),
            email: personal.email.as_deref(),
            phone: personal.phone.as_deref(),
            locale: personal.locale.as_deref(),
        };
        let known = [view.id, view.email, view.phone, view.locale];
        known.iter().any(Option::is_some).then_some(view)
    }
}

impl<'a> DeliveryMethodView<'a> {
    fn new(method: &'a DeliveryMethod) -> Self {
        Self {
            code: &method.code,
            name: method.name.as_deref(),
            service_level: method.service_level.as_deref(),
        }
    }
}

impl<'a> HoldView<'a> {
    fn new(hold: &'a Hold) -> Self {
        Self {
            id: hold.id,
            reason: hold.reason.as_str(),
            note: hold.note.as_deref(),
            placed_at: hold.placed_at,
            placed_by: &hold.placed_by,
            released_at: hold.released_at,
        }
    }
}

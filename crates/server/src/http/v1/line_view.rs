//! A line of an order as `/v1` shows it.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use waybill_domain::content::LineContent;
use waybill_domain::money::Currency;
use waybill_domain::order::Source;
use waybill_domain::quantities::Quantities;
use waybill_domain::text::Vendor;

use super::amount_view::{Amount, as_text};

/// The present state of a line.
pub struct StandingLine<'a> {
    pub vendor: Option<&'a Vendor>,
    pub sources: &'a [Source],
    pub quantities: Quantities,
}

/// Units of a line at one vendor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LineSource)]
pub struct SourceView<'a> {
    /// The vendor, or `local` for our own stock.
    vendor: &'a str,
    /// 1 for the first time that this vendor is asked for units of the line.
    #[schema(minimum = 1)]
    attempt: u16,
    /// Units that it was asked for.
    #[schema(minimum = 1)]
    quantity: i64,
    /// `held` while it is asked, `committed` once it has agreed, `consumed` when they have left, else `released` or
    /// `expired`.
    #[schema(value_type = String, example = "committed")]
    state: &'static str,
    /// Whether nobody knows if the vendor has taken them out of its stock.
    uncertain: bool,
    /// Why this vendor was chosen.
    reason: Option<&'a str>,
}

impl<'a> SourceView<'a> {
    fn of(source: &'a Source) -> Self {
        Self {
            vendor: source.vendor.as_str(),
            attempt: source.attempt,
            quantity: source.reservation.quantity,
            state: source.reservation.state.as_str(),
            uncertain: source.reservation.uncertain,
            reason: source.reason.as_deref(),
        }
    }
}

/// One line; its quantities always add up: ordered = cancelled + backordered + reserved + inShipment + shipped.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Line)]
pub struct LineView<'a> {
    /// Its place in the order: 1, 2, 3, …
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, example = "1")]
    id: u16,
    /// What was ordered.
    sku: &'a str,
    /// Its name, for people.
    name: Option<&'a str>,
    /// As it was ordered.
    #[schema(minimum = 1)]
    quantity: i64,
    /// Price of one unit.
    #[schema(value_type = super::schemas::Decimal)]
    unit_price: Amount,
    /// Taken off the line as a whole.
    #[schema(value_type = Option<super::schemas::Decimal>)]
    discount: Option<Amount>,
    /// Of the line as a whole.
    #[schema(value_type = Option<super::schemas::Decimal>)]
    tax: Option<Amount>,
    /// False for what is not sent.
    requires_shipping: bool,
    /// The caller's own object, as it was sent.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<&'a RawValue>,
    /// Where its units come from; the first one, where there are several.
    vendor: Option<&'a str>,
    /// The vendors that were asked for its units, and what came of it; empty for a line that comes from our own stock at
    /// once.
    sources: Vec<SourceView<'a>>,
    /// Units ordered, cancelled ones included.
    #[schema(minimum = 0)]
    ordered: i64,
    /// Units kept for this order.
    #[schema(minimum = 0)]
    reserved: i64,
    /// Units that wait for stock.
    #[schema(minimum = 0)]
    backordered: i64,
    /// Units in a shipment that has not left.
    #[schema(minimum = 0)]
    in_shipment: i64,
    /// Units that left, delivered, returned and lost ones included.
    #[schema(minimum = 0)]
    shipped: i64,
    /// Units that arrived.
    #[schema(minimum = 0)]
    delivered: i64,
    /// Units that were cancelled.
    #[schema(minimum = 0)]
    cancelled: i64,
    /// Units that came back.
    #[schema(minimum = 0)]
    returned: i64,
    /// Units that were lost on the way.
    #[schema(minimum = 0)]
    lost: i64,
}

impl<'a> LineView<'a> {
    pub fn new(
        id: u16,
        line: &'a LineContent,
        standing: &StandingLine<'a>,
        currency: Currency,
    ) -> Self {
        let q = &standing.quantities;
        Self {
            id,
            sku: line.sku.as_str(),
            name: line.name.as_deref(),
            quantity: line.quantity,
            unit_price: Amount(line.unit_price.show(currency)),
            discount: line.discount.map(|amount| Amount(amount.show(currency))),
            tax: line.tax.map(|amount| Amount(amount.show(currency))),
            requires_shipping: line.requires_shipping.unwrap_or(true),
            metadata: line.metadata.as_deref(),
            vendor: standing.vendor.map(Vendor::as_str),
            sources: standing.sources.iter().map(SourceView::of).collect(),
            ordered: q.ordered,
            reserved: q.reserved,
            backordered: q.backordered,
            in_shipment: q.in_shipment,
            shipped: q.shipped,
            delivered: q.delivered,
            cancelled: q.cancelled,
            returned: q.returned,
            lost: q.lost,
        }
    }
}

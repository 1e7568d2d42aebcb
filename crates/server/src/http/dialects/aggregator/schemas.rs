//! The documents of the aggregator dialect and of the paths that it shares with the sales dialect, for the
//! specification.

use serde::Serialize;
use utoipa::ToSchema;
use waybill_domain::text::{Sku, TEXT_CHARS};

use super::answer::{AggregatorOrder, AggregatorTaken};
use super::list::LAST_PAGE;
use crate::config::Limits;
use crate::http::dialects::item_order::CUSTOMER_CHARS;
use crate::http::dialects::sales::schemas::{
    NewSalesOrder, SalesItem, SalesOrderAnswer, SalesStatus,
};
use crate::http::v1::bounds::{Bound, MemberBound, bound, text};
use crate::http::v1::schemas::{Id, Timestamp};

/// An order as it is sent. Fields that are not known are ignored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAggregatorOrder {
    /// The customer's id at the caller.
    #[schema(example = "customer-123")]
    customer_id: String,
    /// Personal data.
    #[schema(example = "a@example.org", required = false, nullable = false)]
    customer_email: Option<String>,
    /// What is ordered.
    items: Vec<NewAggregatorItem>,
    /// Where it goes.
    #[schema(required = false, nullable = false)]
    shipping_address: Option<NewAggregatorAddress>,
    /// How it is paid; kept in the order's metadata.
    #[schema(example = "credit_card", required = false, nullable = false)]
    payment_method: Option<String>,
    /// Free text for those who handle the order.
    #[schema(required = false, nullable = false)]
    notes: Option<String>,
}

/// One product.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAggregatorItem {
    /// The product.
    #[schema(example = "LAPTOP-001")]
    sku: String,
    /// Units.
    #[schema(example = 12)]
    quantity: i64,
    /// Price of one unit, in USD; without it, the one of the catalogue, and 0 where that has none.
    #[schema(example = 1299.99, required = false, nullable = false)]
    unit_price: Option<f64>,
}

/// A postal address.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAggregatorAddress {
    /// Street and house number.
    #[schema(required = false, nullable = false)]
    street: Option<String>,
    /// City.
    #[schema(required = false, nullable = false)]
    city: Option<String>,
    /// State, province or region.
    #[schema(required = false, nullable = false)]
    state: Option<String>,
    /// Postal code.
    #[schema(required = false, nullable = false)]
    zip_code: Option<String>,
    /// A code or a name; kept as it was sent.
    #[schema(example = "USA", required = false, nullable = false)]
    country: Option<String>,
}

/// An order of one product as it is sent. Fields that are not known are ignored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewShortOrder {
    /// The product.
    #[schema(example = "LAPTOP-001")]
    product_id: String,
    /// Units.
    #[schema(example = 1)]
    quantity: i64,
    /// The customer's id at the caller.
    #[schema(example = "test")]
    customer_id: String,
}

/// The bounds of the parameters of lists. A page that is too long is shortened, so a limit has no end.
#[must_use]
pub fn of_parameter(name: &str, limits: &Limits) -> Option<Vec<Bound>> {
    let of = match name {
        "page" => vec![
            bound("minimum", 1),
            bound("maximum", LAST_PAGE),
            bound("default", 1),
        ],
        "limit" => vec![bound("minimum", 1), bound("default", limits.page_default)],
        _ => return None,
    };
    Some(of)
}

/// The bounds of bodies as they are sent.
#[must_use]
pub fn bounds(limits: &Limits) -> Vec<MemberBound> {
    const ORDER: &str = "NewAggregatorOrder";
    const ITEM: &str = "NewAggregatorItem";
    const SHORT: &str = "NewShortOrder";
    const ADDRESS: &str = "NewAggregatorAddress";
    let items = vec![bound("minItems", 1), bound("maxItems", limits.lines)];
    let units = || vec![bound("minimum", 1), bound("maximum", limits.quantity)];
    let free = || text(0, TEXT_CHARS);
    let of = [
        (ORDER, "customerId", text(1, CUSTOMER_CHARS)),
        (ORDER, "items", items),
        (ORDER, "customerEmail", free()),
        (ORDER, "notes", free()),
        (ITEM, "sku", text(1, Sku::MAX_CHARS)),
        (ITEM, "quantity", units()),
        (ITEM, "unitPrice", vec![bound("minimum", 0)]),
        (ADDRESS, "street", free()),
        (ADDRESS, "city", free()),
        (ADDRESS, "state", free()),
        (ADDRESS, "zipCode", free()),
        (ADDRESS, "country", free()),
        (SHORT, "productId", text(1, Sku::MAX_CHARS)),
        (SHORT, "quantity", units()),
        (SHORT, "customerId", text(1, CUSTOMER_CHARS)),
        ("NewCancellation", "reason", free()),
    ];
    let each = of.into_iter().flat_map(|(schema, member, bounds)| {
        bounds.into_iter().map(move |bound| MemberBound {
            schema,
            member,
            bound,
        })
    });
    each.collect()
}

/// An order of the sales dialect, or of the aggregator dialect.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum NewApiOrder {
    Sales(NewSalesOrder),
    Aggregator(NewAggregatorOrder),
}

/// The answer to an order, in the dialect of the order.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ApiOrderTaken {
    Sales(Box<SalesOrderAnswer>),
    Aggregator(Box<AggregatorTaken<'static>>),
}

/// An order, read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiOrderAnswer {
    /// Always true.
    success: bool,
    /// The order.
    data: ApiOrder,
    /// Finds the request in the server's log.
    correlation_id: String,
}

/// An order in the words of the sales dialect, and within it in those of the aggregator dialect.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiOrder {
    /// Its id.
    #[schema(value_type = Id)]
    order_id: String,
    /// Where it stands.
    #[schema(value_type = SalesStatus)]
    status: String,
    /// The customer's id at the caller.
    customer_id: String,
    /// What was ordered.
    items: Vec<SalesItem>,
    /// What the customer pays, in USD.
    total_amount: f64,
    /// When it was taken.
    #[schema(value_type = Timestamp)]
    created_at: String,
    /// When it last changed.
    #[schema(value_type = Timestamp)]
    updated_at: String,
    /// The same order in the words of the aggregator dialect.
    order: AggregatorOrder<'static>,
}

/// Why a request was not done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AggregatorProblem {
    /// Always false.
    success: bool,
    /// What is wrong, in words.
    #[schema(example = "Insufficient stock for LAPTOP-001")]
    error: String,
    /// The kind of problem, for programs.
    #[schema(example = "INSUFFICIENT_STOCK", required = false, nullable = false)]
    code: Option<String>,
    /// More about it.
    #[schema(required = false, nullable = false)]
    message: Option<String>,
    /// What is wrong where, in an order whose data are invalid.
    #[schema(required = false, nullable = false)]
    details: Option<Vec<AggregatorDetail>>,
    /// Finds the request in the server's log.
    #[schema(required = false, nullable = false)]
    correlation_id: Option<String>,
}

/// One fault of the request.
#[derive(Serialize, ToSchema)]
pub struct AggregatorDetail {
    /// Where it is.
    #[schema(example = "items[0].quantity")]
    field: String,
    /// What is wrong.
    message: String,
}

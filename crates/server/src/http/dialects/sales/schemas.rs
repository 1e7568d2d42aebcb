//! The documents of the sales dialect, for the specification. Its answers are written by hand (`answer`); that
//! these schemas are true is tested with every answer of every test.

use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Sku;

use super::answer::status_word;
use crate::config::Limits;
use crate::http::dialects::item_order::CUSTOMER_CHARS;
use crate::http::v1::bounds::{MemberBound, bound, text};
use crate::http::v1::schemas::{Id, Timestamp};

/// An order as it is sent. Fields that are not known are ignored.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSalesOrder {
    /// The customer's id at the caller.
    #[schema(example = "customer-123")]
    customer_id: String,
    /// What is ordered.
    items: Vec<SalesItem>,
}

/// One product.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesItem {
    /// The product.
    #[schema(example = "product-456")]
    product_id: String,
    /// Units.
    #[schema(minimum = 1, example = 2)]
    quantity: i64,
    /// Price of one unit, in USD.
    #[schema(minimum = 0, example = 29.99)]
    price: f64,
}

/// The bounds of an order as it is sent. The largest quantity is left out: items of earlier orders may be beyond it, and
/// answers show them with the same schema.
#[must_use]
pub fn bounds(limits: &Limits) -> Vec<MemberBound> {
    let items = vec![bound("minItems", 1), bound("maxItems", limits.lines)];
    let of = [
        ("NewSalesOrder", "customerId", text(1, CUSTOMER_CHARS)),
        ("NewSalesOrder", "items", items),
        ("SalesItem", "productId", text(1, Sku::MAX_CHARS)),
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

/// Where an order stands, in this dialect's words.
pub struct SalesStatus;

impl PartialSchema for SalesStatus {
    fn schema() -> RefOr<Schema> {
        let mut words: Vec<&str> = OrderStatus::ALL.iter().map(|s| status_word(*s)).collect();
        words.dedup();
        words.sort_unstable();
        words.dedup();
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .description(Some("Where an order stands."))
            .enum_values(Some(words))
            .into()
    }
}

impl ToSchema for SalesStatus {}

/// An order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesOrder {
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
}

/// An order that was taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesOrderAnswer {
    /// Always true.
    success: bool,
    /// The order.
    data: SalesOrder,
    /// Finds the request in the server's log.
    correlation_id: String,
}

/// Which news of the carrier is simulated.
#[derive(Serialize, ToSchema)]
pub struct SimulatedDelivery {
    /// The step to take.
    status: SimulatedStatus,
}

/// A step of the carrier.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SimulatedStatus {
    Shipped,
    Delivered,
}

/// The step was taken.
#[derive(Serialize, ToSchema)]
pub struct SimulatedDeliveryAnswer {
    /// Always true.
    success: bool,
    /// What was done, in words.
    message: String,
}

/// Why a request was not done: with a code, or flat where a token is refused or the server is busy.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SalesProblem {
    Refusal(SalesRefusal),
    Notice(SalesNotice),
}

/// A refusal with a code.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesRefusal {
    /// Always false.
    success: bool,
    /// Why.
    error: SalesError,
    /// Finds the request in the server's log.
    correlation_id: String,
}

/// Why a request was refused.
#[derive(Serialize, ToSchema)]
pub struct SalesError {
    /// The kind of refusal, for programs.
    #[schema(example = "VALIDATION_ERROR")]
    code: String,
    /// The kind of refusal, in words.
    message: String,
    /// Per fault: what is wrong where.
    #[schema(nullable = false)]
    details: Option<Vec<SalesDetail>>,
}

/// One fault of the request, or one product that is short.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesDetail {
    /// On VALIDATION_ERROR: where it is, as names and numbers of places.
    #[schema(nullable = false)]
    path: Option<Vec<SalesPathPart>>,
    /// On VALIDATION_ERROR: what is wrong.
    #[schema(nullable = false)]
    message: Option<String>,
    /// On INSUFFICIENT_INVENTORY: the product.
    #[schema(nullable = false)]
    product_id: Option<String>,
    /// On INSUFFICIENT_INVENTORY: units asked for.
    #[schema(nullable = false)]
    requested: Option<i64>,
    /// On INSUFFICIENT_INVENTORY: units that could be given.
    #[schema(nullable = false)]
    available: Option<i64>,
}

/// A name, or a place in a list.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SalesPathPart {
    Name(String),
    Place(u64),
}

/// A refused token, or a busy server.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesNotice {
    /// The kind of problem.
    #[schema(example = "Too Many Requests")]
    error: String,
    /// What is wrong, in words.
    message: String,
    /// Finds the request in the server's log; absent where a token is refused.
    #[schema(nullable = false)]
    correlation_id: Option<String>,
}

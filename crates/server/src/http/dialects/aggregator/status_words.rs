//! The words of this dialect for the statuses of orders.

use std::collections::BTreeSet;

use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use waybill_domain::status::OrderStatus;

/// A status in this dialect's words.
pub fn status_word(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Pending | OrderStatus::Backordered => "pending",
        OrderStatus::Confirmed | OrderStatus::Processing => "confirmed",
        OrderStatus::PartiallyShipped | OrderStatus::Cancelling | OrderStatus::Shipped => {
            "processing"
        }
        OrderStatus::Delivered => "completed",
        OrderStatus::Cancelled => "cancelled",
        OrderStatus::Failed => "failed",
    }
}

/// Every word.
pub fn words() -> BTreeSet<&'static str> {
    OrderStatus::ALL.iter().map(|s| status_word(*s)).collect()
}

/// The statuses that a word stands for; none for one that is not a word.
pub fn statuses(word: &str) -> Vec<OrderStatus> {
    let all = OrderStatus::ALL.iter().copied();
    all.filter(|status| status_word(*status) == word).collect()
}

/// Where an order stands, in this dialect's words.
pub struct AggregatorStatus;

impl PartialSchema for AggregatorStatus {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .description(Some("Where an order stands."))
            .enum_values(Some(words()))
            .into()
    }
}

impl ToSchema for AggregatorStatus {}

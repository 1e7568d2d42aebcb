//! The services dialect's answers, field by field as its clients expect them.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use waybill_domain::content::{Content, LineContent};
use waybill_domain::echo::Echo;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::shipment::Shipment;
use waybill_domain::time::Time;

use super::status_words::{ServicesShipmentStatus, ServicesStatus};
use crate::http::json;
use crate::http::v1::codes;
use crate::http::v1::problem::Problem;
use crate::http::v1::schemas::{Id, Timestamp};
use crate::intake::place::Receipt;
use waybill_domain::services_words::{shipment_word, status_word};

/// An order that was taken.
#[derive(Serialize, ToSchema)]
pub struct ServicesOrderTaken {
    /// Its id.
    #[schema(value_type = Id)]
    order_id: OrderId,
    /// Where it stood when it was taken.
    #[schema(value_type = ServicesStatus)]
    status: &'static str,
    /// What the customer pays, in USD: decimal text.
    #[schema(example = "1059.97")]
    total_amount: String,
    /// When it was taken.
    #[schema(value_type = Timestamp)]
    created_at: Time,
}

impl ServicesOrderTaken {
    /// The answer to a new or repeated order.
    pub fn new(receipt: &Receipt) -> Self {
        let content = &receipt.content;
        Self {
            order_id: receipt.id,
            status: status_word(receipt.birth.status),
            total_amount: content.total.show(content.currency).to_string(),
            created_at: receipt.created_at,
        }
    }
}

/// An order.
#[derive(Serialize, ToSchema)]
pub struct ServicesOrder<'a> {
    /// Its id.
    #[schema(value_type = Id)]
    id: OrderId,
    /// The customer's id at the caller.
    customer_id: &'a str,
    /// Where it stands.
    #[schema(value_type = ServicesStatus)]
    status: &'static str,
    /// What the customer pays, in USD.
    #[schema(value_type = f64, example = 1059.97)]
    total_amount: Box<RawValue>,
    /// What was ordered.
    items: Vec<ServicesItem<'a>>,
    /// When it was taken.
    #[schema(value_type = Timestamp)]
    created_at: Time,
    /// When it last changed.
    #[schema(value_type = Timestamp)]
    updated_at: Time,
}

/// One product of an order.
#[derive(Serialize, ToSchema)]
pub struct ServicesItem<'a> {
    /// The product.
    product_id: &'a str,
    /// Units.
    quantity: i64,
    /// Price of one unit, in USD.
    #[schema(value_type = f64, example = 29.99)]
    unit_price: Box<RawValue>,
}

impl<'a> ServicesOrder<'a> {
    /// Shows an order.
    pub fn new(order: &waybill_domain::order::Order, content: &'a Content) -> Self {
        let item = |line: &'a LineContent| ServicesItem {
            product_id: line.sku.as_str(),
            quantity: line.quantity,
            unit_price: json::number(&line.unit_price.show_short(content.currency)),
        };
        Self {
            id: order.id,
            customer_id: content.customer_id.as_deref().unwrap_or(""),
            status: status_word(order.status),
            total_amount: json::number(&content.total.show_short(content.currency)),
            items: content.lines.iter().map(item).collect(),
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

/// A shipment.
#[derive(Serialize, ToSchema)]
pub struct ServicesShipment<'a> {
    /// Its id.
    #[schema(value_type = Id)]
    id: ShipmentId,
    /// Its order.
    #[schema(value_type = Id)]
    order_id: OrderId,
    /// The carrier's number for it.
    tracking_number: Option<&'a str>,
    /// Who carries it.
    carrier: Option<&'a str>,
    /// Where it stands.
    #[schema(value_type = ServicesShipmentStatus)]
    status: &'static str,
    /// When it was made.
    #[schema(value_type = Timestamp)]
    created_at: Time,
    /// When it last changed.
    #[schema(value_type = Timestamp)]
    updated_at: Time,
    /// When it arrived.
    #[schema(value_type = Option<Timestamp>)]
    delivered_at: Option<Time>,
    /// All shipments of its order, oldest first; only there when an order was asked for that has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, no_recursion)]
    shipments: Vec<ServicesShipment<'a>>,
}

impl<'a> ServicesShipment<'a> {
    /// Shows the first shipment of an order, with all of them when there are several; `None` when there is none.
    pub fn first_of(all: &'a [Shipment]) -> Option<Self> {
        let first = Self::new(all.first()?);
        let several = if all.len() > 1 { all } else { &[] };
        Some(Self {
            shipments: several.iter().map(Self::new).collect(),
            ..first
        })
    }

    /// Shows a shipment.
    pub fn new(shipment: &'a Shipment) -> Self {
        Self {
            id: shipment.id,
            order_id: shipment.order_id,
            tracking_number: shipment.tracking_number.as_deref(),
            carrier: shipment.carrier.as_deref(),
            status: shipment_word(shipment.status),
            created_at: shipment.created_at,
            updated_at: shipment.updated_at,
            delivered_at: shipment.delivered_at,
            shipments: vec![],
        }
    }
}

/// 404.
pub fn order_not_found(id: &str) -> Problem {
    let detail = format!("Order {} not found", Echo(id));
    Problem::new(codes::ORDER_NOT_FOUND, detail)
}

/// 404.
pub fn shipment_not_found(of: &str, id: &str) -> Problem {
    let detail = format!("No shipment found for {of} {}", Echo(id));
    Problem::new(codes::SHIPMENT_NOT_FOUND, detail)
}

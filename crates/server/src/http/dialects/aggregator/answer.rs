//! The aggregator dialect's answers, field by field as its clients expect them.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use waybill_domain::content::{Address, Content, LineContent, Personal};
use waybill_domain::event::body::Source;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Vendor;
use waybill_domain::time::Time;

use super::status_words::{AggregatorStatus, status_word};
use super::stored::Stored;
use crate::http::json;
use crate::http::v1::schemas::{Id, Timestamp};
use crate::intake::place::Receipt;

/// An order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AggregatorOrder<'a> {
    /// Its id.
    #[schema(value_type = Id)]
    pub id: OrderId,
    /// Its number, for people.
    #[schema(example = "WB-000123")]
    order_number: &'a str,
    /// Where it stands.
    #[schema(value_type = AggregatorStatus)]
    status: &'static str,
    /// The customer's id at the caller.
    customer_id: &'a str,
    /// Personal data.
    customer_email: Option<&'a str>,
    /// What was ordered.
    items: Vec<AggregatorItem<'a>>,
    /// What the customer pays, in USD.
    #[schema(value_type = f64, example = 15599.88)]
    total: Box<RawValue>,
    /// Where it goes.
    shipping_address: Option<AggregatorAddress<'a>>,
    /// When it was taken.
    #[schema(value_type = Timestamp)]
    created_at: Time,
    /// When it last changed.
    #[schema(value_type = Timestamp)]
    updated_at: Time,
}

/// One product of an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AggregatorItem<'a> {
    /// The product.
    #[schema(example = "LAPTOP-001")]
    sku: &'a str,
    /// Units.
    quantity: i64,
    /// Price of one unit, in USD.
    #[schema(value_type = f64, example = 1299.99)]
    unit_price: Box<RawValue>,
    /// Where its units come from; the first one, where there are several. `local` is our own stock.
    #[schema(example = "VendorA")]
    vendor: Option<&'a str>,
    /// All of them, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    vendors: Vec<AggregatorPart<'a>>,
}

/// Units of a product from one vendor.
#[derive(Serialize, ToSchema)]
struct AggregatorPart<'a> {
    /// The vendor.
    #[schema(example = "VendorA")]
    vendor: &'a str,
    /// Units.
    quantity: i64,
}

/// A postal address.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AggregatorAddress<'a> {
    /// Street and house number.
    street: Option<&'a str>,
    /// City.
    city: Option<&'a str>,
    /// State, province or region.
    state: Option<&'a str>,
    /// Postal code.
    zip_code: Option<&'a str>,
    /// The country, as it was sent.
    country: Option<&'a str>,
}

/// Where an order stands, whether it was just taken or read.
struct Standing<'a> {
    id: OrderId,
    number: &'a str,
    status: OrderStatus,
    items: Vec<AggregatorItem<'a>>,
    created_at: Time,
    updated_at: Time,
}

impl<'a> AggregatorOrder<'a> {
    /// The order of a receipt, as it was when it was taken.
    pub fn of_receipt(receipt: &'a Receipt) -> Self {
        let birth = &receipt.birth;
        let lines = (1..).zip(&receipt.content.lines).zip(&birth.lines);
        let items = lines.map(|((id, line), (vendor, _))| {
            let parts = birth.splits.iter().filter(|(of, _)| *of == id);
            let parts = parts.map(|(_, source)| source);
            AggregatorItem::new(&receipt.content, line, vendor.as_ref(), parts)
        });
        let standing = Standing {
            id: receipt.id,
            number: &receipt.number,
            status: birth.status,
            items: items.collect(),
            created_at: receipt.created_at,
            updated_at: receipt.created_at,
        };
        Self::new(standing, &receipt.content, &receipt.personal)
    }

    /// A stored order as it is now.
    pub fn of_stored(stored: &'a Stored) -> Self {
        let order = &stored.order;
        let lines = stored.content.lines.iter().zip(&order.lines);
        let items = lines.zip(&stored.parts).map(|((line, standing), parts)| {
            let first = parts.first().map(|part| &part.vendor);
            let vendor = first.or_else(|| standing.first_vendor());
            let several = if parts.len() > 1 {
                parts.as_slice()
            } else {
                &[]
            };
            AggregatorItem::new(&stored.content, line, vendor, several.iter())
        });
        let standing = Standing {
            id: order.id,
            number: &stored.number,
            status: order.status,
            items: items.collect(),
            created_at: order.created_at,
            updated_at: order.updated_at,
        };
        Self::new(standing, &stored.content, &stored.personal)
    }

    fn new(standing: Standing<'a>, content: &'a Content, personal: &'a Personal) -> Self {
        let address = personal.shipping_address.as_ref();
        Self {
            id: standing.id,
            order_number: standing.number,
            status: status_word(standing.status),
            customer_id: content.customer_id.as_deref().unwrap_or(""),
            customer_email: personal.email.as_deref(),
            items: standing.items,
            total: json::number(&content.total.show_short(content.currency)),
            shipping_address: address.map(AggregatorAddress::new),
            created_at: standing.created_at,
            updated_at: standing.updated_at,
        }
    }
}

impl<'a> AggregatorItem<'a> {
    fn new(
        content: &Content,
        line: &'a LineContent,
        vendor: Option<&'a Vendor>,
        parts: impl Iterator<Item = &'a Source>,
    ) -> Self {
        Self {
            sku: line.sku.as_str(),
            quantity: line.quantity,
            unit_price: json::number(&line.unit_price.show_short(content.currency)),
            vendor: vendor.map(Vendor::as_str),
            vendors: parts
                .map(|part| AggregatorPart {
                    vendor: part.vendor.as_str(),
                    quantity: part.quantity,
                })
                .collect(),
        }
    }
}

impl<'a> AggregatorAddress<'a> {
    fn new(address: &'a Address) -> Self {
        Self {
            street: address.address1.as_deref(),
            city: address.city.as_deref(),
            state: address.region.as_deref(),
            zip_code: address.postal_code.as_deref(),
            country: address.country_code.as_deref(),
        }
    }
}

/// An order that was taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AggregatorTaken<'a> {
    /// Always true.
    success: bool,
    /// Its id.
    #[schema(value_type = Id)]
    order_id: OrderId,
    /// The order.
    data: AggregatorData<'a>,
}

/// An order, in the member that clients read.
#[derive(Serialize, ToSchema)]
struct AggregatorData<'a> {
    /// The order.
    order: AggregatorOrder<'a>,
}

impl<'a> AggregatorTaken<'a> {
    /// The answer that shows an order.
    pub fn new(order: AggregatorOrder<'a>) -> Self {
        Self {
            success: true,
            order_id: order.id,
            data: AggregatorData { order },
        }
    }
}

/// An order of one product that was taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShortOrderTaken {
    /// Always true.
    success: bool,
    /// Its id.
    #[schema(value_type = Id)]
    order_id: OrderId,
}

impl ShortOrderTaken {
    pub fn new(order_id: OrderId) -> Self {
        Self {
            success: true,
            order_id,
        }
    }
}

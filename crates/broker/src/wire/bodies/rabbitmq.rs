//! What consumers of the stock aggregator read: an order's `id`, `customerId`, `items`, `status` and `total`.

use super::known_body::{KnownBody, number};
use serde::Serialize;
use serde_json::value::RawValue;
use waybill_domain::content::Content;
use waybill_domain::event::NewEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::text::Sku;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(flatten)]
    order: Option<Order<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order<'a> {
    customer_id: Option<&'a str>,
    items: Vec<Item<'a>>,
    total: Box<RawValue>,
}

#[derive(Serialize)]
struct Item<'a> {
    sku: &'a Sku,
    quantity: i64,
}

pub fn fields<'a>(event: &NewEvent, known: &'a KnownBody) -> Fields<'a> {
    Fields {
        id: event.order_id,
        status: match known {
            KnownBody::Created(_) => Some("pending"),
            KnownBody::Order(step) => Some(step.status.as_str()),
            KnownBody::Shipment(step) => Some(step.status.as_str()),
            KnownBody::Discarded => Some("discarded"),
            KnownBody::Other => None,
        },
        order: known.content().map(order),
    }
}

fn order(content: &Content) -> Order<'_> {
    let items = content.lines.iter().map(|line| Item {
        sku: &line.sku,
        quantity: line.quantity,
    });
    Order {
        customer_id: content.customer_id.as_deref(),
        items: items.collect(),
        total: number(content.total.show_short(content.currency)),
    }
}

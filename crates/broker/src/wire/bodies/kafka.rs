//! What consumers of the sales system read: `eventId`, `eventType`, `timestamp`, `orderId` and, with a new order, its
//! customer and items.

use super::known_body::{KnownBody, number};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;
use waybill_domain::content::Content;
use waybill_domain::event::NewEvent;
use waybill_domain::ids::{EventId, OrderId};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Sku;
use waybill_domain::time::Time;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fields<'a> {
    event_id: EventId,
    event_type: &'static str,
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<OrderStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipment_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a str>,
    #[serde(flatten)]
    order: Option<Order<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order<'a> {
    customer_id: Option<&'a str>,
    items: Vec<Item<'a>>,
    total_amount: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    product_id: &'a Sku,
    quantity: i64,
    price: Box<RawValue>,
}

pub fn fields<'a>(event: &NewEvent, known: &'a KnownBody) -> Fields<'a> {
    let shipment = known.shipment();
    Fields {
        event_id: event.id,
        event_type: match known {
            KnownBody::Discarded => "discarded",
            _ => event.kind.as_str(),
        },
        timestamp: event.occurred_at,
        order_id: event.order_id,
        status: match known {
            KnownBody::Created(_) => Some(OrderStatus::Pending),
            KnownBody::Order(step) => Some(step.status),
            KnownBody::Shipment(_) | KnownBody::Other | KnownBody::Discarded => None,
        },
        shipment_id: shipment.map(|step| step.shipment_id.0),
        tracking_number: shipment.and_then(|step| step.tracking_number.as_deref()),
        carrier: shipment.and_then(|step| step.carrier.as_deref()),
        order: known.content().map(order),
    }
}

fn order(content: &Content) -> Order<'_> {
    Order {
        customer_id: content.customer_id.as_deref(),
        items: content
            .lines
            .iter()
            .map(|line| Item {
                product_id: &line.sku,
                quantity: line.quantity,
                price: number(line.unit_price.show_short(content.currency)),
            })
            .collect(),
        total_amount: number(content.total.show_short(content.currency)),
    }
}

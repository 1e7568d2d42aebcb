//! What consumers of the order and delivery services read: `ORDER_CREATED` with the order, `ORDER_STATUS_UPDATE` with
//! the steps of its shipments. Every other event has a type of that form and the order's id.

use super::known_body::{KnownBody, number};
use serde::Serialize;
use serde_json::value::RawValue;
use waybill_domain::content::Content;
use waybill_domain::event::NewEvent;
use waybill_domain::event::body::ShipmentStep;
use waybill_domain::ids::OrderId;
use waybill_domain::services_words::shipment_word;
use waybill_domain::text::Sku;
use waybill_domain::time::Time;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fields<'a> {
    event_type: String,
    timestamp: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    #[serde(flatten)]
    order: Option<Order<'a>>,
    #[serde(flatten)]
    update: Option<Update<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Order<'a> {
    customer_id: Option<&'a str>,
    items: Vec<Item<'a>>,
    total_amount: Box<RawValue>,
}

#[derive(Serialize)]
struct Item<'a> {
    product_id: &'a Sku,
    quantity: i64,
    unit_price: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Update<'a> {
    previous_status: Option<&'static str>,
    current_status: &'static str,
    tracking_number: Option<&'a str>,
    carrier: Option<&'a str>,
}

pub fn fields<'a>(event: &NewEvent, known: &'a KnownBody) -> Fields<'a> {
    Fields {
        event_type: match known {
            KnownBody::Created(_) => "ORDER_CREATED".into(),
            KnownBody::Shipment(_) => "ORDER_STATUS_UPDATE".into(),
            KnownBody::Discarded => "DISCARDED".into(),
            KnownBody::Order(_) | KnownBody::Other => {
                event.kind.as_str().replace('.', "_").to_ascii_uppercase()
            }
        },
        timestamp: event.occurred_at,
        order_id: event.order_id,
        order: known.content().map(order),
        update: known.shipment().map(update),
    }
}

fn order(content: &Content) -> Order<'_> {
    let items = content.lines.iter().map(|line| Item {
        product_id: &line.sku,
        quantity: line.quantity,
        unit_price: number(line.unit_price.show_short(content.currency)),
    });
    Order {
        customer_id: content.customer_id.as_deref(),
        items: items.collect(),
        total_amount: number(content.total.show_short(content.currency)),
    }
}

fn update(step: &ShipmentStep) -> Update<'_> {
    Update {
        previous_status: step.previous_status.map(shipment_word),
        current_status: shipment_word(step.status),
        tracking_number: step.tracking_number.as_deref(),
        carrier: step.carrier.as_deref(),
    }
}

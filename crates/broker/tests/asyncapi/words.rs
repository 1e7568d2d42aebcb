//! What each member of a message means, and which values it may have.

use serde_json::{Value, json};
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::{AllocationPolicy, OrderStatus};

use crate::samples::Form;

/// Attributes of CloudEvents, in the headers of every message.
pub const ATTRIBUTES: [(&str, &str); 18] = [
    ("specversion", "Of CloudEvents: `1.0`."),
    ("id", "The event's id. A repetition has the same one."),
    (
        "source",
        "The store that the event comes from: `/waybill/`, its id, and its generation, which a restore makes anew.",
    ),
    ("type", "The type of the event."),
    ("time", "When it happened (RFC 3339)."),
    ("recordedtime", "When it was committed to the store."),
    (
        "subject",
        "What messages are ordered by: the order's id, for stock the id of the stock row.",
    ),
    (
        "aggregate",
        "What the event belongs to: kind, `/`, id. Sequence numbers count within one of these.",
    ),
    (
        "sequence",
        "1, 2, 3, … within the aggregate, without a gap.",
    ),
    ("tenant", "The tenant; absent for the tenant `default`."),
    (
        "schemaversion",
        "The version of `data`: rises when a member changes its meaning. Members are added without it.",
    ),
    (
        "actor",
        "Who caused it: `client:` and a name, `carrier`, `system` and the like.",
    ),
    (
        "correlationid",
        "The correlation id of the request that it goes back to.",
    ),
    ("causationid", "The event that caused this one."),
    (
        "traceparent",
        "The trace of that request (W3C Trace Context).",
    ),
    ("datacontenttype", "`application/json`."),
    (
        "filler",
        "`true`: the event was discarded by an operator. Count its `sequence` as seen and do nothing else; there is no `data`.",
    ),
    (
        "dataref",
        "Where the event can be read by `GET`, because it is larger than the broker takes; there is no `data`, and no order's items.",
    ),
];

const ORDER_CREATED: &[(&str, &str)] = &[
    ("status", "Always `pending`."),
    (
        "onHold",
        "Whether the order begins with a hold; absent means no.",
    ),
    ("number", "The order's number."),
    ("currency", "ISO 4217. All amounts are in it."),
    ("total", "What the customer pays, in minor units (cents)."),
    ("orderNumber", "The caller's own number of the order."),
    ("clientReference", "The caller's own name of the order."),
    ("channel", "Where it was sold."),
    ("replacesOrderId", "The order that this one replaces."),
    ("placedAt", "When it was placed, as the caller said."),
    ("customerId", "The customer, as the caller names it."),
    ("deliveryMethod", "The delivery method that was asked for."),
    ("deliveryMethod.code", "Its code."),
    ("deliveryMethod.name", "Its name."),
    ("deliveryMethod.serviceLevel", "How fast it is to be."),
    ("taxIncluded", "Whether prices contain their tax."),
    ("paymentStatus", "As the caller said."),
    ("paymentReference", "As the caller said."),
    (
        "allocationPolicy",
        "What happens when stock is short; absent means `reject`.",
    ),
    ("promisedBy", "When the customer was promised the order."),
    ("metadata", "The caller's own, as sent."),
    ("lines", "What was ordered; line 1 is the first."),
    ("lines[].sku", "The article."),
    ("lines[].name", "Its name."),
    ("lines[].quantity", "Units."),
    (
        "lines[].unitPrice",
        "The price of a unit, in 1/10,000 of a minor unit.",
    ),
    ("lines[].discount", "Off the whole line, in minor units."),
    ("lines[].tax", "Of the whole line, in minor units."),
    (
        "lines[].requiresShipping",
        "Whether a carrier is needed; absent means yes.",
    ),
    ("lines[].metadata", "The caller's own, as sent."),
    ("shippingLines", "Charges for shipping."),
    ("fees", "Other charges."),
];

const CHARGE: &[(&str, &str)] = &[
    ("code", "What it is for."),
    ("price", "In minor units."),
    ("tax", "In minor units."),
];

const ORDER_STEP: &[(&str, &str)] = &[
    ("status", "The order's status after the step."),
    ("previousStatus", "The status before it."),
    ("reason", "Why, as a code."),
    ("holdId", "The hold that was placed or released."),
    ("openHolds", "The holds that keep delivery from starting."),
    (
        "lines",
        "The lines after the last step of a transaction; absent on the steps before it.",
    ),
    ("lines[].id", "Which line: `1` is the first."),
    ("lines[].sku", "The article, where a reader needs it."),
    ("lines[].vendor", "Whose stock it comes from."),
    (
        "lines[].sources",
        "Where the units come from, instead of `vendor`, when vendors were asked for them; the event then has schema version 2.",
    ),
    ("lines[].sources[].vendor", "Whose stock these come from."),
    (
        "lines[].sources[].quantity",
        "Units that it has agreed to; on `order.lines_released`, those that may ship now.",
    ),
    (
        "lines[].requiresShipping",
        "Whether a carrier is needed; absent means yes.",
    ),
    (
        "lines[].released",
        "Units that may ship from now on, besides those before; only on `order.lines_released`.",
    ),
    ("lines[].ordered", "Units ordered."),
    (
        "lines[].cancelled",
        "Units cancelled; this and the following are absent where there are none.",
    ),
    ("lines[].backordered", "Units that wait for stock."),
    ("lines[].reserved", "Units reserved for the order."),
    (
        "lines[].inShipment",
        "Units in a shipment that has not left.",
    ),
    (
        "lines[].shipped",
        "Units that left, also those that arrived since.",
    ),
    ("lines[].delivered", "Units that arrived."),
    ("lines[].returned", "Units that came back."),
    ("lines[].lost", "Units that were lost."),
];

const SHIPMENT_STEP: &[(&str, &str)] = &[
    ("shipmentId", "The shipment."),
    ("orderId", "Its order."),
    ("vendor", "Who ships it."),
    ("attempt", "Which try of this vendor: 1 is the first."),
    ("status", "The shipment's status after the step."),
    (
        "previousStatus",
        "The status before it; absent where the event is no step.",
    ),
    (
        "reported",
        "On `shipment.updated`: a status that was reported too late to be a step.",
    ),
    ("trackingNumber", "The carrier's number."),
    ("carrier", "The carrier."),
    ("lines", "What is in it."),
    ("lines[].line", "Which line of the order: `1` is the first."),
    ("lines[].quantity", "Units."),
];

const DELIVERY_ANSWER: &[(&str, &str)] = &[("orderId", "The order whose cancellation was asked.")];

const STOCK_CHANGE: &[(&str, &str)] = &[
    ("sku", "The article."),
    ("vendor", "Whose stock it is; `local` is the own warehouse."),
    ("delta", "Units more; negative for less."),
    ("onHand", "Units after it."),
    (
        "shortfall",
        "Of `stock.shortage`: units that orders have reserved and that are not there.",
    ),
    ("reason", "Why, as the caller said."),
];

/// The members beside `data`, which differ from broker to broker.
const OLDER: &[(&str, &str)] = &[
    ("id", "The order's id."),
    ("eventId", "The event's id."),
    (
        "eventType",
        "The type of the event, in the words that readers of this broker know.",
    ),
    ("timestamp", "When it happened."),
    ("orderId", "The order; absent for stock."),
    ("status", "The status of the order, or of its shipment."),
    ("shipmentId", "The shipment."),
    ("trackingNumber", "The carrier's number."),
    ("carrier", "The carrier."),
    ("previousStatus", "The shipment's status before the step."),
    ("currentStatus", "The shipment's status after it."),
    ("customerId", "The customer, as the caller names it."),
    ("items", "What was ordered; with a new order only."),
    ("items[].sku", "The article."),
    ("items[].productId", "The article."),
    ("items[].product_id", "The article."),
    ("items[].quantity", "Units."),
    (
        "items[].price",
        "The price of a unit, in the currency itself.",
    ),
    (
        "items[].unit_price",
        "The price of a unit, in the currency itself.",
    ),
    ("total", "What the customer pays, in the currency itself."),
    (
        "totalAmount",
        "What the customer pays, in the currency itself.",
    ),
    ("data", "The event."),
    (
        "personal",
        "What delivery needs of the order's personal data, beside `order.confirmed` and `order.lines_released`. For the delivery service alone: in no log and no other message.",
    ),
    ("personal.shippingAddress", "Where the order goes."),
];

const ADDRESS: [(&str, &str); 8] = [
    ("name", "Who."),
    ("company", "The company."),
    ("address1", "Street and number."),
    ("address2", "Further lines."),
    ("city", "The city."),
    ("region", "The region."),
    ("postalCode", "The postal code."),
    ("countryCode", "ISO 3166-1, two letters."),
];

/// Of a member of `data` of a form.
///
/// # Panics
/// The member has no description.
pub fn of_data(form: Form, path: &str) -> Value {
    let table = match form {
        Form::OrderCreated => ORDER_CREATED,
        Form::OrderStep => ORDER_STEP,
        Form::ShipmentStep => SHIPMENT_STEP,
        Form::DeliveryAnswer => DELIVERY_ANSWER,
        Form::StockChange => STOCK_CHANGE,
    };
    let charge = ["shippingLines[].", "fees[]."]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix));
    let found = charge.map_or_else(|| find(table, path), |member| find(CHARGE, member));
    let text = found.unwrap_or_else(|| panic!("{form:?} {path} has no description in words.rs"));
    let values: Option<Vec<&str>> = match (form, path) {
        (Form::OrderCreated, "status") => Some(vec!["pending"]),
        (Form::OrderStep, "status" | "previousStatus") => {
            Some(OrderStatus::ALL.iter().map(|s| s.as_str()).collect())
        }
        (Form::ShipmentStep, "status" | "previousStatus" | "reported") => {
            Some(ShipmentStatus::ALL.iter().map(|s| s.as_str()).collect())
        }
        (Form::OrderCreated, "allocationPolicy") => {
            Some(AllocationPolicy::ALL.iter().map(|p| p.as_str()).collect())
        }
        _ => None,
    };
    match values {
        Some(values) => json!({"description": text, "enum": values}),
        None => json!({"description": text}),
    }
}

/// Of a member beside `data`.
///
/// # Panics
/// The member has no description.
pub fn of_body(path: &str) -> Value {
    let address = path.strip_prefix("personal.shippingAddress.");
    let found = address.map_or_else(|| find(OLDER, path), |member| find(&ADDRESS, member));
    let text = found.unwrap_or_else(|| panic!("{path} has no description in words.rs"));
    json!({"description": text})
}

fn find<'a>(table: &[(&str, &'a str)], path: &str) -> Option<&'a str> {
    let mut rows = table.iter();
    rows.find(|(name, _)| *name == path).map(|(_, text)| *text)
}

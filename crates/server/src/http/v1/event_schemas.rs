//! Schemas of `data` of each type of event, for the specification. The bodies themselves are the domain's
//! (`waybill_domain::event::body`) and shown by [`super::event_data`]; that these schemas are true is tested with
//! every answer of every test.

use serde::Serialize;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schemas::{Decimal, Id, OrderStatus, ShipmentLine, ShipmentStatus, Timestamp};

/// The fact itself; which one it is depends on the type of the event.
pub struct EventData;

impl PartialSchema for EventData {
    fn schema() -> RefOr<Schema> {
        let names = [
            OrderCreatedData::name(),
            OrderStepData::name(),
            ShipmentStepData::name(),
            DeliveryAnswerData::name(),
            StockChangeData::name(),
        ];
        let description = "The fact itself, by the type of the event: OrderCreatedData of order.created, OrderStepData of all other order.*, ShipmentStepData of shipment.*, DeliveryAnswerData of delivery.*, StockChangeData of stock.*.";
        names
            .into_iter()
            .fold(AnyOfBuilder::new(), |any, name| {
                any.item(Ref::from_schema_name(name))
            })
            .description(Some(description))
            .into()
    }
}

impl ToSchema for EventData {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        add::<OrderCreatedData>(schemas);
        add::<OrderStepData>(schemas);
        add::<ShipmentStepData>(schemas);
        add::<DeliveryAnswerData>(schemas);
        add::<StockChangeData>(schemas);
    }
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// Of `order.created`: the order as it was taken, without personal data. Members that were not sent are absent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCreatedData {
    /// Always `pending`.
    #[schema(value_type = OrderStatus)]
    status: String,
    /// True when the order begins with a hold.
    #[schema(nullable = false)]
    on_hold: Option<bool>,
    /// Of an order whose units are being sourced: what its lines begin with. All units of another order are reserved.
    #[schema(nullable = false)]
    allocation: Option<Vec<LineState>>,
    /// The order's number.
    number: String,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency: String,
    /// What the customer pays.
    #[schema(value_type = Decimal)]
    total: String,
    /// The caller's number, if one was given.
    #[schema(nullable = false)]
    order_number: Option<String>,
    /// The caller's own name for the order.
    #[schema(nullable = false)]
    client_reference: Option<String>,
    /// Where it was sold.
    #[schema(nullable = false)]
    channel: Option<String>,
    /// The order that this one replaces.
    #[schema(value_type = Option<Id>, nullable = false)]
    replaces_order_id: Option<String>,
    /// When it was placed, as the caller said.
    #[schema(value_type = Option<Timestamp>, nullable = false)]
    placed_at: Option<String>,
    /// The customer's id at the caller.
    #[schema(nullable = false)]
    customer_id: Option<String>,
    /// How it is to be delivered.
    #[schema(nullable = false)]
    delivery_method: Option<OrderedDeliveryMethod>,
    /// Whether prices include the taxes.
    tax_included: bool,
    /// As the shop knows it.
    #[schema(nullable = false)]
    payment_status: Option<String>,
    /// The payment's name at its provider.
    #[schema(nullable = false)]
    payment_reference: Option<String>,
    /// What becomes of lines that are short; absent for `reject`.
    #[schema(value_type = Option<super::schemas::AllocationPolicy>, nullable = false)]
    allocation_policy: Option<String>,
    /// When it was promised to arrive.
    #[schema(value_type = Option<Timestamp>, nullable = false)]
    promised_by: Option<String>,
    /// The caller's own object, as it was sent.
    #[schema(value_type = Option<OwnData>, nullable = false)]
    metadata: Option<serde_json::Value>,
    /// What was ordered.
    lines: Vec<OrderedLine>,
    /// What shipping costs.
    #[schema(nullable = false)]
    shipping_lines: Option<Vec<OrderedCharge>>,
    /// Further charges.
    #[schema(nullable = false)]
    fees: Option<Vec<OrderedCharge>>,
}

/// The caller's own object; null where it is kept as text, because not every client could read it.
pub struct OwnData;

impl PartialSchema for OwnData {
    fn schema() -> RefOr<Schema> {
        let description = "The caller's own object, as it was sent; null where it is shown as text in `unreadable`, because not every client could read it.";
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
            .description(Some(description))
            .into()
    }
}

impl ToSchema for OwnData {}

/// A delivery method as it was ordered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrderedDeliveryMethod {
    /// The caller's code for it.
    code: String,
    /// Its name, for people.
    #[schema(nullable = false)]
    name: Option<String>,
    /// How fast, in the carrier's words.
    #[schema(nullable = false)]
    service_level: Option<String>,
}

/// A line as it was ordered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrderedLine {
    /// What was ordered.
    sku: String,
    /// Its name, for people.
    #[schema(nullable = false)]
    name: Option<String>,
    /// Units.
    #[schema(minimum = 1)]
    quantity: i64,
    /// Price of one unit.
    #[schema(value_type = Decimal)]
    unit_price: String,
    /// Taken off the line as a whole.
    #[schema(value_type = Option<Decimal>, nullable = false)]
    discount: Option<String>,
    /// Of the line as a whole.
    #[schema(value_type = Option<Decimal>, nullable = false)]
    tax: Option<String>,
    /// False for what is not sent; absent means true.
    #[schema(nullable = false)]
    requires_shipping: Option<bool>,
    /// The caller's own object, as it was sent.
    #[schema(value_type = Option<OwnData>, nullable = false)]
    metadata: Option<serde_json::Value>,
}

/// A charge as it was ordered.
#[derive(Serialize, ToSchema)]
struct OrderedCharge {
    /// The caller's code for the charge.
    code: String,
    /// Its price.
    #[schema(value_type = Decimal)]
    price: String,
    /// Its tax.
    #[schema(value_type = Option<Decimal>, nullable = false)]
    tax: Option<String>,
}

/// Of every other `order.*`: where the order stands now, and what changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderStepData {
    /// The status after it.
    #[schema(value_type = OrderStatus)]
    status: String,
    /// The status before it; absent when it did not change.
    #[schema(value_type = Option<OrderStatus>, nullable = false)]
    previous_status: Option<String>,
    /// Why, if that was said.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// The hold that was placed or released.
    #[schema(value_type = Option<Id>, nullable = false)]
    hold_id: Option<String>,
    /// The holds that keep delivery from starting.
    #[schema(value_type = Option<Vec<Id>>, nullable = false)]
    open_holds: Option<Vec<String>>,
    /// The lines as they are after it; absent where no unit moved.
    #[schema(nullable = false)]
    lines: Option<Vec<LineState>>,
}

/// Units of a line from one vendor.
#[derive(Serialize, ToSchema)]
struct LineSourceState {
    /// The vendor, or `local` for our own stock.
    vendor: String,
    /// Units that it has agreed to; on `order.lines_released`, those that may ship now.
    #[schema(minimum = 1)]
    quantity: i64,
}

/// Where the units of a line are; a count that is absent is 0.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LineState {
    /// The line's id.
    #[schema(example = "1")]
    id: String,
    /// What was ordered.
    #[schema(nullable = false)]
    sku: Option<String>,
    /// Where its units come from.
    #[schema(nullable = false)]
    vendor: Option<String>,
    /// Where its units come from, instead of `vendor`, when vendors were asked for them. Such an event has schema version
    /// 2.
    #[schema(nullable = false)]
    sources: Option<Vec<LineSourceState>>,
    /// False for what is not sent; absent means true.
    #[schema(nullable = false)]
    requires_shipping: Option<bool>,
    /// On `order.lines_released`: units that may ship from now on.
    #[schema(nullable = false)]
    released: Option<i64>,
    /// Units ordered.
    #[schema(nullable = false)]
    ordered: Option<i64>,
    /// Units that were cancelled.
    #[schema(nullable = false)]
    cancelled: Option<i64>,
    /// Units that wait for stock.
    #[schema(nullable = false)]
    backordered: Option<i64>,
    /// Units kept for this order.
    #[schema(nullable = false)]
    reserved: Option<i64>,
    /// Units in a shipment that has not left.
    #[schema(nullable = false)]
    in_shipment: Option<i64>,
    /// Units that left.
    #[schema(nullable = false)]
    shipped: Option<i64>,
    /// Units that arrived.
    #[schema(nullable = false)]
    delivered: Option<i64>,
    /// Units that came back.
    #[schema(nullable = false)]
    returned: Option<i64>,
    /// Units that were lost on the way.
    #[schema(nullable = false)]
    lost: Option<i64>,
}

/// Of every `shipment.*`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentStepData {
    /// The shipment.
    #[schema(value_type = Id)]
    shipment_id: String,
    /// Its order.
    #[schema(value_type = Id)]
    order_id: String,
    /// Who sends it.
    vendor: String,
    /// 1 for the first try of this vendor.
    attempt: u16,
    /// The status after it.
    #[schema(value_type = ShipmentStatus)]
    status: String,
    /// The status before it; absent when it did not change.
    #[schema(value_type = Option<ShipmentStatus>, nullable = false)]
    previous_status: Option<String>,
    /// On `shipment.updated`: what was reported too late to be a step.
    #[schema(value_type = Option<ShipmentStatus>, nullable = false)]
    reported: Option<String>,
    /// The carrier's number for it.
    #[schema(nullable = false)]
    tracking_number: Option<String>,
    /// Who carries it.
    #[schema(nullable = false)]
    carrier: Option<String>,
    /// Units by line of the order.
    lines: Vec<ShipmentLine>,
}

/// Of every `delivery.*`: delivery's answer to a cancellation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryAnswerData {
    /// The order.
    #[schema(value_type = Id)]
    order_id: String,
}

/// Of every `stock.*`: a change by someone other than an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StockChangeData {
    /// The sku.
    sku: String,
    /// Whose stock it is.
    vendor: String,
    /// What came or, below zero, went.
    delta: i64,
    /// What is there after it.
    on_hand: i64,
    /// Of `stock.shortage`: units that orders have reserved and that are not there.
    #[schema(nullable = false)]
    shortfall: Option<i64>,
    /// Why, if that was said.
    #[schema(nullable = false)]
    reason: Option<String>,
}

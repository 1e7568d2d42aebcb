//! Messages of every form: one with all members, one with as few as there may be.
//!
//! The bodies are made of the domain's own types, field by field, so that a member that is added there does not compile
//! here until it is described.

use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;
use waybill_broker::message::{Message, Source};
use waybill_domain::content::{Address, Charge, Content, DeliveryMethod, LineContent, Personal};
use waybill_domain::context::EventMeta;
use waybill_domain::currency::Currency;
use waybill_domain::event::body::{
    DeliveryAnswer, Line, OrderStep, ShipmentLine, ShipmentStep, Source as LineSource, StockChange,
};
use waybill_domain::event::{
    Aggregate, AggregateKind, EventKind, LoggedEvent, NewEvent, SCHEMA_VERSION, encode,
};
use waybill_domain::ids::{EventId, HoldId, OrderId, ShipmentId};
use waybill_domain::money::{Minor, UnitPrice};
use waybill_domain::quantities::Quantities;
use waybill_domain::shipment::ShipmentStatus;
use waybill_domain::status::{AllocationPolicy, OrderStatus};
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

const ORDER: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0007);
const OTHER: Uuid = Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0008);
const NOW: Time = Time(1_780_000_000_000_000);

/// What `data` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    OrderCreated,
    OrderStep,
    ShipmentStep,
    DeliveryAnswer,
    StockChange,
}

impl Form {
    pub const ALL: [Self; 5] = [
        Self::OrderCreated,
        Self::OrderStep,
        Self::ShipmentStep,
        Self::DeliveryAnswer,
        Self::StockChange,
    ];

    /// The form of each type of event.
    pub fn of(kind: EventKind) -> Self {
        let name = kind.as_str();
        match name.split_once('.').map(|(aggregate, _)| aggregate) {
            _ if kind == EventKind::OrderCreated => Self::OrderCreated,
            Some("order") => Self::OrderStep,
            Some("shipment") => Self::ShipmentStep,
            Some("delivery") => Self::DeliveryAnswer,
            Some("stock") => Self::StockChange,
            _ => panic!("{name} has no form"),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::OrderCreated => "orderCreated",
            Self::OrderStep => "orderStep",
            Self::ShipmentStep => "shipmentStep",
            Self::DeliveryAnswer => "deliveryAnswer",
            Self::StockChange => "stockChange",
        }
    }

    /// The types of events with this form.
    pub fn kinds(self) -> impl Iterator<Item = EventKind> {
        let all = EventKind::ALL.iter().copied();
        all.filter(move |kind| Self::of(*kind) == self)
    }

    pub fn aggregate(self) -> AggregateKind {
        match self {
            Self::OrderCreated | Self::OrderStep => AggregateKind::Order,
            Self::ShipmentStep => AggregateKind::Shipment,
            Self::DeliveryAnswer => AggregateKind::Delivery,
            Self::StockChange => AggregateKind::Stock,
        }
    }

    /// One message with all members, one with as few as there may be.
    pub fn samples(self) -> [Message; 2] {
        match self {
            Self::OrderCreated => [
                message(EventKind::OrderCreated, &created(true), true),
                message(EventKind::OrderCreated, &created(false), false),
            ],
            Self::OrderStep => {
                let mut full = message(EventKind::OrderConfirmed, &order_step(true), true);
                full.personal = Some(personal());
                let least = message(EventKind::OrderNoteAdded, &order_step(false), false);
                [full, least]
            }
            Self::ShipmentStep => [
                message(EventKind::ShipmentUpdated, &shipment_step(true), true),
                message(EventKind::ShipmentCreated, &shipment_step(false), false),
            ],
            Self::DeliveryAnswer => {
                let answer = DeliveryAnswer {
                    order_id: OrderId(ORDER),
                };
                [true, false].map(|full| message(EventKind::DeliveryCancelAgreed, &answer, full))
            }
            Self::StockChange => {
                let change = |full: bool| StockChange {
                    sku: sku(),
                    vendor: vendor(),
                    delta: 5,
                    on_hand: 105,
                    shortfall: if full { 3 } else { 0 },
                    reason: full.then(|| "recount".into()),
                };
                [true, false].map(|full| message(EventKind::StockAdjusted, &change(full), full))
            }
        }
    }
}

fn text(full: bool, text: &str) -> Option<String> {
    full.then(|| text.to_owned())
}

fn sku() -> Sku {
    Sku::stored("MUG-1")
}

fn vendor() -> Vendor {
    Vendor::stored("local")
}

fn metadata(full: bool) -> Option<Box<RawValue>> {
    full.then(|| RawValue::from_string("{\"gift\":true}".into()).expect("JSON"))
}

/// The content of an order, and what intake adds to it.
fn created(full: bool) -> Value {
    let mut body = serde_json::to_value(content(full)).expect("JSON");
    body["status"] = "pending".into();
    body["number"] = "WB-000001".into();
    if full {
        body["onHold"] = true.into();
    }
    body
}

fn content(full: bool) -> Content {
    let currency = Currency::parse("EUR").expect("a currency");
    let charge = |code: &str| Charge {
        code: code.into(),
        price: Minor(490),
        tax: full.then_some(Minor(78)),
    };
    let charges = |code| if full { vec![charge(code)] } else { vec![] };
    Content {
        currency,
        total: Minor(2_580),
        order_number: text(full, "SHOP-1"),
        client_reference: text(full, "web-1"),
        channel: text(full, "web"),
        replaces_order_id: full.then_some(OrderId(OTHER)),
        placed_at: full.then_some(NOW),
        customer_id: text(full, "customer-1"),
        delivery_method: full.then(|| DeliveryMethod {
            code: "dhl".into(),
            name: text(full, "DHL"),
            service_level: text(full, "express"),
        }),
        tax_included: true,
        payment_status: text(full, "paid"),
        payment_reference: text(full, "pay-1"),
        allocation_policy: if full {
            AllocationPolicy::Backorder
        } else {
            AllocationPolicy::Reject
        },
        promised_by: full.then_some(NOW),
        metadata: metadata(full),
        lines: vec![LineContent {
            sku: sku(),
            name: text(full, "Mug"),
            quantity: 2,
            unit_price: UnitPrice::parse("12.90", currency).expect("a price"),
            discount: full.then_some(Minor(100)),
            tax: full.then_some(Minor(412)),
            requires_shipping: full.then_some(false),
            metadata: metadata(full),
        }],
        shipping_lines: charges("standard"),
        fees: charges("gift-wrap"),
    }
}

fn order_step(full: bool) -> OrderStep {
    let units = i64::from(full);
    let line = Line {
        id: 1,
        sku: full.then(sku),
        vendor: full.then(vendor),
        sources: vec![LineSource {
            vendor: vendor(),
            quantity: 1,
        }],
        requires_shipping: !full,
        released: units,
        quantities: Quantities {
            ordered: 8,
            cancelled: units,
            backordered: units,
            reserved: units,
            in_shipment: units,
            shipped: units,
            delivered: units,
            returned: units,
            lost: units,
        },
    };
    OrderStep {
        status: OrderStatus::Confirmed,
        previous_status: full.then_some(OrderStatus::Pending),
        reason: text(full, "requested"),
        hold_id: full.then_some(HoldId(OTHER)),
        open_holds: if full { vec![HoldId(OTHER)] } else { vec![] },
        lines: if full {
            vec![bare(&line), line]
        } else {
            vec![]
        },
    }
}

/// The line with only what is always there.
fn bare(line: &Line) -> Line {
    Line {
        id: line.id,
        sku: None,
        vendor: None,
        sources: vec![],
        requires_shipping: true,
        released: 0,
        quantities: Quantities {
            ordered: line.quantities.ordered,
            ..Quantities::default()
        },
    }
}

fn shipment_step(full: bool) -> ShipmentStep {
    ShipmentStep {
        shipment_id: ShipmentId(OTHER),
        order_id: OrderId(ORDER),
        vendor: vendor(),
        attempt: 1,
        status: ShipmentStatus::Shipped,
        previous_status: full.then_some(ShipmentStatus::Processing),
        reported: full.then_some(ShipmentStatus::Shipped),
        tracking_number: text(full, "T-1"),
        carrier: text(full, "DHL"),
        lines: vec![ShipmentLine {
            line: 1,
            quantity: 2,
        }],
    }
}

fn personal() -> Personal {
    let some = |text: &str| Some(text.to_owned());
    let address = Address {
        name: some("A. Person"),
        company: some("Company"),
        address1: some("Street 1"),
        address2: some("Floor 2"),
        city: some("Ulm"),
        region: some("BW"),
        postal_code: some("89073"),
        country_code: some("DE"),
    };
    let all = Personal {
        shipping_address: Some(address),
        ..Personal::default()
    };
    all.for_delivery().expect("there is an address")
}

fn message<T: serde::Serialize>(kind: EventKind, body: &T, full: bool) -> Message {
    let form = Form::of(kind);
    let aggregate = Aggregate {
        kind: form.aggregate(),
        id: if form.aggregate() == AggregateKind::Order {
            ORDER
        } else {
            OTHER
        },
    };
    let order_id = (form != Form::StockChange).then_some(OrderId(ORDER));
    let event = NewEvent {
        id: EventId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0100)),
        schema_version: SCHEMA_VERSION,
        kind,
        aggregate,
        seq: 2,
        order_id,
        tenant: if full {
            Tenant::parse("shop").expect("a tenant")
        } else {
            Tenant::default()
        },
        occurred_at: NOW,
        body: encode(body),
        meta: EventMeta {
            actor: "client:shop".into(),
            correlation_id: full.then(|| "req-1".into()),
            causation_id: full.then_some(EventId(OTHER)),
            traceparent: full
                .then(|| "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        },
    };
    Message {
        source: Source {
            store_id: "0198-store".into(),
            generation: "0198-generation".into(),
        },
        event: LoggedEvent {
            partition: 0,
            position: 0,
            recorded_at: NOW,
            event,
        },
        filler: false,
        personal: None,
        resend: None,
    }
}

//! The examples in `docs/data-model.md` are generated from the code, and the page explains every field in them.

mod docs;
mod world;

use std::collections::BTreeSet;
use waybill_domain::content::{Content, Personal};
use waybill_domain::delivery::{self, Carrier, OrderNews, Released, ReleasedLine, Subject};
use waybill_domain::event::body::StockChange;
use waybill_domain::event::{EventKind, NewEvent, encode};
use waybill_domain::fact::Fact;
use waybill_domain::intake::{self, Decision, LookedAt};
use waybill_domain::money::Rounding;
use waybill_domain::order::Order;
use waybill_domain::shipment::{self, Shipment, ShipmentStatus, Update};
use waybill_domain::status::AllocationPolicy;
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use world::intake::{new_order, stock};
use world::life::Life;
use world::{World, place_hold, units};

/// An order's content with every field, as it is stored.
const CONTENT: &str = r#"{"currency":"EUR","total":2970,"orderNumber":"2026-17","clientReference":"web-8812","channel":"web",
 "replacesOrderId":"019686a0-0000-7000-8000-000000000001","placedAt":"2026-05-04T10:00:00Z","customerId":"c-17",
 "deliveryMethod":{"code":"dhl","name":"DHL","serviceLevel":"standard"},"taxIncluded":true,"paymentStatus":"paid",
 "paymentReference":"pi_1","promisedBy":"2026-05-11T10:00:00Z",
 "metadata":{"campaign":"x"},
 "lines":[{"sku":"MUG-1","name":"Mug","quantity":2,"unitPrice":12900000,"discount":100,"tax":396,"requiresShipping":true,
 "metadata":{"engraving":"none"}}],"shippingLines":[{"code":"std","price":490,"tax":78}],
 "fees":[{"code":"gift","price":0}]}"#;

const PERSONAL: &str = r#"{"email":"a@example.org","phone":"+49 731 1","locale":"de-DE","shippingAddress":{"name":"A. Muster",
 "address1":"Weg 1","city":"Ulm","postalCode":"89073","countryCode":"DE"},"notes":"Ring twice"}"#;

struct Truck;

impl Carrier for Truck {
    fn ships_at(&mut self, now: Time) -> Time {
        now
    }
}

fn content() -> String {
    let content: Content = serde_json::from_str(CONTENT).expect("it is valid");
    let sum = content.sums(Rounding::HalfEven).expect("it adds up").total;
    assert_eq!(content.total, sum, "the example adds up");
    encode(&content).to_string()
}

/// The body of the order's newest event of `kind`.
fn told(life: &Life, kind: EventKind) -> String {
    let newest = life.unlogged.iter().rev().find(|event| event.kind == kind);
    newest
        .unwrap_or_else(|| panic!("{kind} happened"))
        .body
        .to_string()
}

/// `order.created` as intake writes it.
fn created() -> String {
    let mut new = new_order(1, &[("MUG-1", 2)], &content());
    new.caller_number = Some("2026-17".into());
    let mut plenty = stock(&[("MUG-1", 100)]);
    let Decision::Accept(accepted) = intake::decide(&new, 42, 0, &mut plenty, LookedAt::AllSources)
    else {
        panic!("there was enough")
    };
    accepted.events[0].body.to_string()
}

fn order_events() -> Vec<(EventKind, String)> {
    let mut world = World::default();
    let mut life = Life::new(world::pending(
        &[2, 1],
        AllocationPolicy::Reject,
        &["local"],
    ));
    life.apply(&Fact::UnitsReserved(units(&[(1, 2), (2, 1)])), &mut world);
    life.ask(&place_hold(), &mut world).expect("it may be held");
    life.apply(&Fact::ShipmentShipped(units(&[(1, 2), (2, 1)])), &mut world);
    let mut waiting = Life::new(world::pending(
        &[2, 1],
        AllocationPolicy::ShipPartial,
        &["local"],
    ));
    waiting.apply(&Fact::UnitsReserved(units(&[(1, 2)])), &mut world);
    waiting.apply(&Fact::Backordered, &mut world);
    [
        (EventKind::OrderConfirmed, &life),
        (EventKind::OrderLinesReleased, &waiting),
        (EventKind::OrderHoldPlaced, &life),
        (EventKind::OrderShipped, &life),
    ]
    .map(|(kind, life)| (kind, told(life, kind)))
    .to_vec()
}

/// The events that delivery writes about an order: a shipment, and the answer to an earlier cancellation.
fn on_order_news(
    order: &Order,
    news: OrderNews,
    world: &mut World,
) -> (Vec<Shipment>, Vec<NewEvent>) {
    let subject = Subject {
        order_id: order.id,
        tenant: Tenant::default(),
        partition: 0,
        seq: 2,
    };
    let change =
        delivery::on_order_news(subject, None, &[], news, &mut Truck, &mut world.context());
    let change = change.expect("it is news");
    (
        change
            .effect
            .shipments
            .into_iter()
            .map(|s| s.after)
            .collect(),
        change.events,
    )
}

fn delivery_events() -> Vec<(EventKind, String)> {
    let mut world = World::default();
    let order = world::pending(&[2], AllocationPolicy::Reject, &["local"]);
    let units = Released {
        line: 1,
        vendor: Vendor::local(),
        quantity: 2,
        requires_shipping: true,
    };
    let lines = vec![ReleasedLine { units, in_all: 2 }];
    let (made, _) = on_order_news(
        &order,
        OrderNews::Released {
            lines,
            open_holds: vec![],
        },
        &mut world,
    );
    let (_, answer) = on_order_news(&order, OrderNews::CancelRequested, &mut world);
    let tracked = Update {
        status: Some(ShipmentStatus::Delivered),
        tracking_number: Some("00340434161094042557".into()),
        carrier: Some("dhl".into()),
        due_at: None,
    };
    let arrived = shipment::report(&made[0], &tracked, &mut world.context()).expect("it is news");
    let late = Update {
        status: Some(ShipmentStatus::Shipped),
        ..Update::default()
    };
    let late = shipment::report(
        &arrived.effect.shipments[0].after,
        &late,
        &mut world.context(),
    );
    let events = arrived
        .events
        .into_iter()
        .take(1)
        .chain(late.expect("it is recorded").events)
        .chain(answer);
    events
        .map(|event| (event.kind, event.body.to_string()))
        .collect()
}

fn stock_event() -> String {
    let change = StockChange {
        sku: Sku::stored("MUG-1"),
        vendor: Vendor::local(),
        delta: -2,
        on_hand: 98,
        shortfall: 0,
        reason: Some("broken".into()),
    };
    encode(&change).to_string()
}

fn examples() -> Vec<(String, String)> {
    let personal: Personal = serde_json::from_str(PERSONAL).expect("it is valid");
    let mut examples = vec![
        ("content".to_owned(), content()),
        ("personal".to_owned(), encode(&personal).to_string()),
        (EventKind::OrderCreated.to_string(), created()),
        (EventKind::StockAdjusted.to_string(), stock_event()),
    ];
    let events = order_events().into_iter().chain(delivery_events());
    examples.extend(events.map(|(kind, body)| (kind.to_string(), body)));
    examples
}

/// The page with every example generated again.
fn page_with(examples: &[(String, String)], page: &str) -> String {
    let mut fresh = page.to_owned();
    for (name, json) in examples {
        let begin = format!("<!-- example: {name} -->\n");
        let (before, rest) = fresh
            .split_once(&begin)
            .unwrap_or_else(|| panic!("no place for {name}"));
        let (_, after) = rest
            .split_once("<!-- end -->")
            .expect("an example has an end");
        let label = if name.contains('.') {
            format!("`{name}`\n\n")
        } else {
            String::new()
        };
        fresh = format!(
            "{before}{begin}{label}```json\n{}\n```\n<!-- end -->{after}",
            wrapped(json)
        );
    }
    fresh
}

/// JSON on lines a page can show, broken only between members.
fn wrapped(json: &str) -> String {
    let (mut text, mut line, mut quoted, mut escaped) =
        (String::new(), String::new(), false, false);
    for c in json.chars() {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        line.push(c);
        if c == ',' && !quoted && line.len() > 80 {
            text += &line;
            text.push('\n');
            line = " ".to_owned();
        }
    }
    text + &line
}

fn keys(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                found.insert(key.clone());
                // The keys inside `metadata` are the caller's.
                if key != "metadata" {
                    keys(member, found);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn the_examples_are_what_the_code_makes_and_every_field_is_explained() {
    let examples = examples();
    let page = docs::read("data-model.md");
    // Every second piece is between two fences and is an example.
    let prose: String = page.split("```").step_by(2).collect();
    for (name, json) in &examples {
        let value = serde_json::from_str(json).expect("an example is JSON");
        let mut found = BTreeSet::new();
        keys(&value, &mut found);
        for key in found {
            assert!(
                prose.contains(&format!("`{key}`")),
                "docs/data-model.md does not explain `{key}` of {name}"
            );
        }
    }
    docs::assert_current(
        "data-model.md",
        &page_with(&examples, &page),
        "data_model_doc",
    );
}

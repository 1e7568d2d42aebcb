//! Each rule is broken alone, in a pair of stores that agree otherwise.

use super::side::DeliveryRow;
use super::*;
use waybill_domain::event::Aggregate;
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::ids::ShipmentId;
use waybill_domain::shipment::ShipmentCopy;
use waybill_domain::text::Vendor;
use waybill_domain::time::Time;

const ORDER: Uuid = Uuid::from_u128(1);
const SHIPMENT: Uuid = Uuid::from_u128(2);

fn lines() -> Vec<ShipmentLine> {
    vec![ShipmentLine {
        line: 1,
        quantity: 3,
    }]
}

fn aggregate(kind: AggregateKind, id: Uuid) -> Aggregate {
    Aggregate { kind, id }
}

fn taken(marks: &[(AggregateKind, Uuid, i64)]) -> Taken {
    let mark = |(kind, id, seq): &(AggregateKind, Uuid, i64)| {
        (aggregate(*kind, *id), ("g1".to_owned(), *seq))
    };
    Taken {
        generations: ["g1".to_owned()].into(),
        marks: marks.iter().map(mark).collect(),
    }
}

/// An order of three units, shipped.
fn pair() -> (Side, Side) {
    let copy = ShipmentCopy {
        id: ShipmentId(SHIPMENT),
        vendor: Vendor::local(),
        attempt: 1,
        status: ShipmentStatus::Shipped,
        version: 2,
        shown_in: 4,
        lines: lines(),
        tracking_number: Some("T1".into()),
        carrier: None,
        created_at: Time(1),
        updated_at: Time(2),
        shipped_at: Some(Time(2)),
        delivered_at: None,
    };
    let order = OrderRow {
        status: OrderStatus::Shipped,
        copies: vec![copy],
        lines: [(1, (3, 0))].into(),
    };
    let shipment = ShipmentRow {
        order: ORDER,
        status: ShipmentStatus::Shipped,
        version: 2,
        lines: lines(),
        tracking_number: "T1".into(),
        carrier: String::new(),
    };
    let delivery = DeliveryRow {
        state: DeliveryState::Started,
        version: 0,
        last_order_seq: 2,
    };
    let side = |store: &str| Side {
        store_id: store.into(),
        generation: "g1".into(),
        ..Side::default()
    };
    let orders = Side {
        orders: [(ORDER, order)].into(),
        log: [(aggregate(AggregateKind::Order, ORDER), 4)].into(),
        confirmed: [(ORDER, 2)].into(),
        taken: [(
            (STATUS.into(), "delivery".into()),
            taken(&[(AggregateKind::Shipment, SHIPMENT, 2)]),
        )]
        .into(),
        ..side("orders")
    };
    let delivery = Side {
        shipments: [(SHIPMENT, shipment)].into(),
        deliveries: [(ORDER, delivery)].into(),
        log: [(aggregate(AggregateKind::Shipment, SHIPMENT), 2)].into(),
        taken: [(
            (DELIVERY.into(), "orders".into()),
            taken(&[(AggregateKind::Order, ORDER, 4)]),
        )]
        .into(),
        ..side("delivery")
    };
    (orders, delivery)
}

/// What is found after a change, in either order of the stores.
fn found(change: impl FnOnce(&mut Side, &mut Side)) -> Vec<String> {
    let (mut orders, mut delivery) = pair();
    change(&mut orders, &mut delivery);
    let findings = compare(&orders, &delivery);
    assert_eq!(findings, compare(&delivery, &orders));
    let line = |f: &Finding| format!("{} {}: {}", f.invariant, f.subject, f.detail);
    findings.iter().map(line).collect()
}

#[track_caller]
fn finds(said: &[&str], change: impl FnOnce(&mut Side, &mut Side)) {
    let found = found(change);
    assert_eq!(found.len(), said.len(), "{found:?}");
    for (found, said) in found.iter().zip(said) {
        assert!(found.contains(said), "{said}: {found}");
    }
}

fn order_of(side: &mut Side) -> &mut OrderRow {
    side.orders.get_mut(&ORDER).expect("it is there")
}

fn shipment_of(side: &mut Side) -> &mut ShipmentRow {
    side.shipments.get_mut(&SHIPMENT).expect("it is there")
}

fn mark_of(side: &mut Side, inbox: &str, of: &str, at: Aggregate, seq: i64) {
    let taken = side.taken.get_mut(&(inbox.to_owned(), of.to_owned()));
    let taken = taken.expect("it is there");
    taken.marks.insert(at, ("g1".into(), seq));
}

#[test]
fn stores_that_agree_have_no_finding() {
    finds(&[], |_, _| {});
}

#[test]
fn events_that_are_under_way_are_no_finding() {
    let shipment = aggregate(AggregateKind::Shipment, SHIPMENT);
    finds(&[], |orders, delivery| {
        shipment_of(delivery).version = 3;
        shipment_of(delivery).status = ShipmentStatus::Delivered;
        delivery.log.insert(shipment, 3);
        orders.log.insert(aggregate(AggregateKind::Order, ORDER), 9);
    });
}

#[test]
fn a_shipment_without_its_order_is_found() {
    let said = ["I6 delivery of order", "I6 shipment"];
    finds(&said, |orders, _| {
        orders.orders.clear();
    });
}

#[test]
fn a_copy_that_differs_is_found_unless_an_event_of_the_order_waits() {
    for change in [
        |side: &mut Side| shipment_of(side).status = ShipmentStatus::Delivered,
        |side: &mut Side| shipment_of(side).lines[0].quantity = 2,
        |side: &mut Side| shipment_of(side).carrier = "DHL".into(),
    ] {
        finds(&["I9 order"], |_, delivery| change(delivery));
        finds(&[], |orders, delivery| {
            change(delivery);
            orders.waiting.insert((STATUS.into(), ORDER));
        });
    }
    finds(&["does not show shipment"], |orders, _| {
        order_of(orders).copies.clear();
    });
    let said = ["which the delivery store does not have"];
    finds(&said, |_, delivery| delivery.shipments.clear());
}

#[test]
fn more_units_than_were_ordered_are_found() {
    finds(&["I11"], |orders, _| {
        order_of(orders).lines = [(1, (2, 0))].into();
    });
    let said = ["3 units have left and 1 are cancelled"];
    finds(&said, |orders, _| {
        order_of(orders).lines = [(1, (3, 1))].into();
    });
}

#[test]
fn an_order_that_is_cancelled_and_shipped_is_found() {
    let said = ["delivery has not agreed", "and its shipment"];
    finds(&said, |orders, _| {
        order_of(orders).status = OrderStatus::Cancelled;
    });
}

#[test]
fn a_watermark_beyond_the_log_of_its_source_is_found() {
    let (order, shipment) = (
        aggregate(AggregateKind::Order, ORDER),
        aggregate(AggregateKind::Shipment, SHIPMENT),
    );
    finds(
        &["has taken event 5, and the log of its store ends with 4"],
        |_, delivery| {
            mark_of(delivery, DELIVERY, "orders", order, 5);
        },
    );
    finds(&["I8 shipment"], |orders, _| {
        mark_of(orders, STATUS, "delivery", shipment, 3);
    });
    // Of another generation nothing can be told, but that it is not adopted.
    finds(
        &["which delivery-inbox has not adopted"],
        |orders, delivery| {
            mark_of(delivery, DELIVERY, "orders", order, 5);
            orders.generation = "g2".into();
        },
    );
}

#[test]
fn an_event_that_was_taken_without_its_effect_is_found() {
    let said = ["delivery has no effect of it"];
    finds(&said, |_, delivery| delivery.deliveries.clear());
    finds(&[], |_, delivery| {
        delivery.deliveries.clear();
        delivery.waiting.insert((DELIVERY.into(), ORDER));
    });
    let cancelling = |orders: &mut Side, delivery: &mut Side, taken: i64| {
        let answers = aggregate(AggregateKind::Delivery, ORDER);
        orders.cancel_requested.insert(ORDER, 4);
        order_of(orders).status = OrderStatus::Cancelling;
        let row = delivery.deliveries.get_mut(&ORDER).expect("it is there");
        (row.version, row.last_order_seq) = (1, 4);
        delivery.log.insert(answers, 1);
        mark_of(orders, STATUS, "delivery", answers, taken);
    };
    let said = ["waits for delivery's answer"];
    finds(&said, |orders, delivery| cancelling(orders, delivery, 1));
    finds(&[], |orders, delivery| cancelling(orders, delivery, 0));
}

#[test]
fn stores_that_are_no_pair_are_told() {
    let said = ["neither has taken an event of the other"];
    finds(&said, |orders, delivery| {
        orders.taken.clear();
        delivery.taken.clear();
    });
    let (orders, _) = pair();
    let same = compare(&orders, &orders);
    assert!(
        same[0].detail.contains("both are the same store"),
        "{same:?}"
    );
}

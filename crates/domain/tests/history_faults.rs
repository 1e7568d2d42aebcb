//! The checker of histories finds faults: a history that the domain made passes, and the same history with an event
//! lost, doubled, exchanged or altered does not.

mod world;

use proptest::prelude::*;
use proptest::test_runner::Config;
use waybill_domain::event::body::{OrderStep, ShipmentStep};
use waybill_domain::event::{EventKind, NewEvent, encode};
use waybill_domain::history::{OrderHistory, ShipmentHistory};
use waybill_domain::status::OrderStatus;
use waybill_domain::time::Time;
use world::life::Life;
use world::{World, any_birth, any_deed};

/// The history of an order after random actions, beginning with `order.created`.
fn any_past() -> impl Strategy<Value = Vec<(i64, EventKind, String)>> {
    (any_birth(), prop::collection::vec(any_deed(), 10..40)).prop_map(|(birth, deeds)| {
        let (mut life, mut world) = (Life::new(birth), World::default());
        for deed in &deeds {
            life.meet(deed, &mut world);
        }
        let created = (1, EventKind::OrderCreated, "{}".to_owned());
        let told = |event: &NewEvent| (event.seq, event.kind, event.body.to_string());
        std::iter::once(created)
            .chain(life.unlogged.iter().map(told))
            .collect()
    })
}

fn faults(past: &[(i64, EventKind, String)]) -> Vec<String> {
    let mut history = OrderHistory::default();
    for (seq, kind, body) in past {
        history.take(*seq, *kind, body);
    }
    history.faults
}

/// The history with one event altered.
fn altered(
    past: &[(i64, EventKind, String)],
    at: usize,
    alter: impl FnOnce(&mut OrderStep),
) -> Vec<(i64, EventKind, String)> {
    let mut past = past.to_vec();
    let mut step: OrderStep = serde_json::from_str(&past[at].2).expect("our own event");
    alter(&mut step);
    past[at].2 = encode(&step).to_string();
    past
}

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_past_that_was_tampered_with_is_found_out(past in any_past(), at in any::<prop::sample::Index>()) {
        prop_assume!(past.len() > 2);
        prop_assert_eq!(faults(&past), Vec::<String>::new());
        let at = 1 + at.index(past.len() - 2);

        let mut lost = past.clone();
        lost.remove(at);
        prop_assert!(!faults(&lost).is_empty(), "one event is lost");

        let mut doubled = past.clone();
        doubled.insert(at, past[at].clone());
        prop_assert!(!faults(&doubled).is_empty(), "one event stands twice");

        let mut exchanged = past.clone();
        exchanged.swap(at, at + 1);
        prop_assert!(!faults(&exchanged).is_empty(), "two events are exchanged");

        let elsewhere = altered(&past, at, |step| {
            let mut others = OrderStatus::ALL.iter().filter(|s| **s != step.status);
            step.status = *others.next_back().expect("there are ten");
        });
        prop_assert!(!faults(&elsewhere).is_empty(), "one event leads elsewhere");

        let unbalanced = altered(&past, at, |step| {
            for line in &mut step.lines {
                line.quantities.reserved += 1;
            }
        });
        let told = past[at].2.contains("\"lines\"");
        prop_assert_eq!(!faults(&unbalanced).is_empty(), told, "units out of nowhere");

        let mut undone = past.clone();
        let (seq, _, last) = past.last().expect("more than two");
        undone.push((seq + 1, EventKind::OrderNoteAdded, last.clone()));
        let undone = altered(&undone, past.len(), |step| {
            step.previous_status = None;
            for line in &mut step.lines {
                line.quantities.cancelled += std::mem::take(&mut line.quantities.shipped);
            }
        });
        let shipped = last.contains("\"shipped\":");
        prop_assert_eq!(!faults(&undone).is_empty(), shipped, "what has left came back");
    }
}

#[test]
fn a_shipment_whose_past_was_tampered_with_is_found_out() {
    let created = r#"{"shipmentId":"019d9f10-0000-7000-8000-000000000001","orderId":"019d9f10-0000-7000-8000-000000000000",
        "vendor":"local","attempt":1,"status":"processing","lines":[{"line":"1","quantity":2}]}"#;
    let step = |change: &dyn Fn(&mut ShipmentStep)| {
        let mut step: ShipmentStep = serde_json::from_str(created).expect("a shipment's event");
        step.previous_status = Some(step.status);
        step.status = waybill_domain::shipment::ShipmentStatus::Shipped;
        change(&mut step);
        let mut history = ShipmentHistory::default();
        history.take(1, EventKind::ShipmentCreated, Time(1), created);
        history.take(2, EventKind::ShipmentShipped, Time(2), &encode(&step));
        history.faults
    };
    assert_eq!(step(&|_| {}), Vec::<String>::new());
    assert_eq!(step(&|s| s.lines[0].quantity = 3).len(), 1, "more is in it");
    assert_eq!(
        step(&|s| s.previous_status = None).len(),
        1,
        "it comes from nowhere"
    );
    assert_eq!(
        step(&|s| s.status = waybill_domain::shipment::ShipmentStatus::Lost).len(),
        1
    );
}

#[test]
fn an_event_that_cannot_be_read_is_one_fault_and_the_next_step_is_none() {
    let step = |from: Option<OrderStatus>, to: OrderStatus| {
        let from = from.map(|from| format!(r#""previousStatus":"{from}","#));
        format!(
            r#"{{{}"status":"{to}","lines":[]}}"#,
            from.unwrap_or_default()
        )
    };
    let cancelling = step(Some(OrderStatus::Confirmed), OrderStatus::Cancelling);
    let past = [
        (1, EventKind::OrderCreated, "{}".to_owned()),
        (2, EventKind::OrderConfirmed, "{".to_owned()),
        (3, EventKind::OrderCancelRequested, cancelling.clone()),
    ];
    assert_eq!(faults(&past), ["event 2 order.confirmed cannot be read"]);
    let past = [
        past[0].clone(),
        (2, EventKind::OrderConfirmed, "{".to_owned()),
        (3, EventKind::OrderCancelled, cancelling),
    ];
    assert_eq!(faults(&past).len(), 2, "no such step at all");
}

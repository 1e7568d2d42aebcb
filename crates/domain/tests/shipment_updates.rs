//! Every status of a shipment × every target, asked for by a person and reported by a carrier: what is refused, which
//! steps are taken, what is only recorded, and that the order counts its units once.

mod world;

use proptest::prelude::*;
use proptest::test_runner::Config;
use uuid::Uuid;
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::context::RequestIds;
use waybill_domain::delivery_news;
use waybill_domain::event::EventKind;
use waybill_domain::event::body::ShipmentStep;
use waybill_domain::fact::Fact;
use waybill_domain::history::ShipmentHistory;
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::refusal::Refusal;
use waybill_domain::shipment::{self, STEPS, Shipment, ShipmentStatus, Update};
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::timer::TimerChange;
use world::{World, units};

fn shipment(status: ShipmentStatus) -> Shipment {
    Shipment {
        id: ShipmentId(Uuid::from_u128(7)),
        order_id: OrderId(Uuid::from_u128(8)),
        tenant: Tenant::default(),
        partition: 0,
        vendor: Vendor::local(),
        attempt: 1,
        status,
        version: 1,
        lines: units(&[(1, 2)]),
        tracking_number: None,
        carrier: None,
        created_at: Time(0),
        updated_at: Time(0),
        request: RequestIds::default(),
        shipped_at: None,
        delivered_at: None,
        due_at: Some(Time(99)),
    }
}

fn to(status: ShipmentStatus) -> Update {
    Update {
        status: Some(status),
        ..Update::default()
    }
}

fn kinds(change: &Change<DeliveryEffect>) -> Vec<EventKind> {
    change.events.iter().map(|event| event.kind).collect()
}

/// Checks a change of `before` and returns the shipment after it.
fn written(
    before: &Shipment,
    change: &Change<DeliveryEffect>,
    history: &mut ShipmentHistory,
) -> Shipment {
    let [written] = change.effect.shipments.as_slice() else {
        panic!("one shipment is written: {change:?}")
    };
    let after = written.after.clone();
    assert_eq!(written.expected_version, before.version);
    for event in &change.events {
        history.take(event.seq, event.kind, event.occurred_at, &event.body);
    }
    assert_eq!(history.faults, Vec::<String>::new());
    assert_eq!(
        (history.version, history.status()),
        (after.version, Some(after.status))
    );
    assert!(
        after.status.has_left() || !before.status.has_left(),
        "it came back unseen"
    );
    let moved = |timer: &TimerChange| match timer {
        TimerChange::Clear(timer) => (Some(timer) == before.timer().as_ref(), "cleared"),
        TimerChange::Set(timer) => (Some(timer) == after.timer().as_ref(), "set"),
    };
    for timer in &change.effect.timers {
        let (right, what) = moved(timer);
        assert!(right, "a timer that is not its own was {what}");
    }
    assert_eq!(
        change.effect.timers.is_empty(),
        before.timer() == after.timer()
    );
    after
}

#[test]
fn a_step_that_is_asked_for_stands_in_the_table_or_is_delivered_straight_away() {
    for &from in ShipmentStatus::ALL {
        for &target in ShipmentStatus::ALL {
            let before = shipment(from);
            let decided = shipment::update(&before, &to(target), &mut World::default().context());
            let overtakes = target == ShipmentStatus::Delivered
                && [ShipmentStatus::Processing, ShipmentStatus::DeliveryFailed].contains(&from);
            if from == target {
                assert_eq!(decided, Ok(None), "{from} again");
            } else if overtakes {
                let change = decided.expect("delivered may overtake").expect("it is new");
                assert_eq!(
                    kinds(&change),
                    [EventKind::ShipmentShipped, EventKind::ShipmentDelivered]
                );
            } else if STEPS.contains(&(from, target)) {
                let change = decided.expect("in the table").expect("it is new");
                assert_eq!(kinds(&change), [target.event()]);
            } else {
                let allowed = from.allowed();
                let refusal = Refusal::InvalidShipmentTransition {
                    from,
                    to: target,
                    allowed,
                };
                assert_eq!(decided, Err(refusal));
            }
        }
    }
}

#[test]
fn a_report_passes_what_it_overtook_and_a_late_one_is_only_recorded() {
    use EventKind::{ShipmentDeliveryFailed, ShipmentReturned, ShipmentShipped, ShipmentUpdated};
    use ShipmentStatus::{Delivered, Lost, Processing, Returned, Shipped};
    let told = |from, target| {
        let change = shipment::report(
            &shipment(from),
            &to(target),
            &mut World::default().context(),
        );
        change.map(|change| kinds(&change))
    };
    let returned = vec![ShipmentShipped, ShipmentDeliveryFailed, ShipmentReturned];
    assert_eq!(told(Processing, Returned), Some(returned));
    assert_eq!(
        told(Processing, Lost),
        Some(vec![ShipmentShipped, EventKind::ShipmentLost])
    );
    assert_eq!(told(Delivered, Shipped), Some(vec![ShipmentUpdated]));
    assert_eq!(told(Delivered, Delivered), None);

    let late = shipment::report(
        &shipment(Delivered),
        &to(Shipped),
        &mut World::default().context(),
    );
    let late = late.expect("it is recorded");
    let body: ShipmentStep =
        serde_json::from_str(&late.events[0].body).expect("a shipment's event");
    assert_eq!((body.status, body.reported), (Delivered, Some(Shipped)));
    let after = &late.effect.shipments[0].after;
    assert_eq!(
        (after.status, after.due_at),
        (Delivered, Some(Time(99))),
        "nothing else changes"
    );
}

#[test]
fn tracking_alone_is_an_update_and_leaves_the_carriers_timer() {
    let tracked = Update {
        tracking_number: Some("T-1".into()),
        ..to(ShipmentStatus::Processing)
    };
    let before = shipment(ShipmentStatus::Processing);
    let change = shipment::update(&before, &tracked, &mut World::default().context());
    let change = change
        .expect("the same status again")
        .expect("it tells more");
    assert_eq!(kinds(&change), [EventKind::ShipmentUpdated]);
    assert!(change.effect.timers.is_empty());
    let after = &change.effect.shipments[0].after;
    let again = shipment::update(after, &tracked, &mut World::default().context());
    assert_eq!(again, Ok(None));
}

fn any_update() -> impl Strategy<Value = (bool, Update)> {
    let status = prop::option::weighted(0.9, prop::sample::select(ShipmentStatus::ALL));
    let number = prop::option::of(Just("T-1".to_owned()));
    let due = prop::option::of((100_i64..200).prop_map(Time));
    (any::<bool>(), status, number, due).prop_map(|(reported, status, tracking_number, due_at)| {
        let update = Update {
            status,
            tracking_number,
            carrier: None,
            due_at,
        };
        (reported, update)
    })
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn after_any_updates_a_shipments_history_is_in_order_and_its_units_count_once(
        updates in prop::collection::vec(any_update(), 0..20),
    ) {
        let mut world = World::default();
        let mut now = shipment(ShipmentStatus::Processing);
        let mut history = ShipmentHistory::default();
        let created = now.event(EventKind::ShipmentCreated, None, &mut world.context());
        history.take(created.seq, created.kind, created.occurred_at, &created.body);
        let mut facts = vec![];
        for (reported, update) in &updates {
            let change = if *reported {
                shipment::report(&now, update, &mut world.context())
            } else {
                shipment::update(&now, update, &mut world.context()).unwrap_or_default()
            };
            let Some(change) = change else { continue };
            let ended = now.status.allowed().is_empty();
            let after = written(&now, &change, &mut history);
            prop_assert!(!ended || after.status == now.status, "{} is an end", now.status);
            now = after;
            for event in &change.events {
                let news = delivery_news::parse(event).expect("our own event");
                facts.extend(news.fact);
            }
        }
        let lines = units(&[(1, 2)]);
        let shipped = Fact::ShipmentShipped(lines.clone());
        let expected = match now.status {
            ShipmentStatus::Processing => vec![],
            ShipmentStatus::Shipped | ShipmentStatus::DeliveryFailed => vec![shipped],
            ShipmentStatus::Delivered => vec![shipped, Fact::ShipmentDelivered(lines)],
            ShipmentStatus::Returned => vec![shipped, Fact::ShipmentReturned(lines)],
            ShipmentStatus::Lost => vec![shipped, Fact::ShipmentLost(lines)],
            ShipmentStatus::Cancelled => vec![Fact::ShipmentCancelled(lines)],
            ShipmentStatus::Failed => vec![Fact::ShipmentFailed(lines)],
        };
        prop_assert_eq!(facts, expected);
    }
}

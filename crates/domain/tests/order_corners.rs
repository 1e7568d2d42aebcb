//! Rare cases that were wrong in earlier versions, one test each.

mod world;

use waybill_domain::command::Command;
use waybill_domain::event::EventKind;
use waybill_domain::event::body::OrderStep;
use waybill_domain::fact::Fact;
use waybill_domain::refusal::Refusal;
use waybill_domain::status::{AllocationPolicy, OrderStatus};
use world::life::Life;
use world::{World, pending, place_hold, units};

/// An order of `policy` with one line of local stock per quantity.
fn born(quantities: &[i64], policy: AllocationPolicy) -> (Life, World) {
    (
        Life::new(pending(quantities, policy, &["local"])),
        World::default(),
    )
}

/// The same order with every unit reserved.
fn confirmed(quantities: &[i64]) -> (Life, World) {
    let (mut life, mut world) = born(quantities, AllocationPolicy::Reject);
    let all: Vec<_> = life
        .order
        .lines
        .iter()
        .map(|l| (l.id, l.quantities.ordered))
        .collect();
    life.apply(&Fact::UnitsReserved(units(&all)), &mut world);
    (life, world)
}

fn cancel() -> Command {
    Command::Cancel { reason: None }
}

/// What the order's last event released to delivery.
fn released(life: &Life) -> Vec<(u16, i64)> {
    let event = life.unlogged.last().expect("it was told");
    assert_eq!(event.kind, EventKind::OrderLinesReleased);
    let step: OrderStep = serde_json::from_str(&event.body).expect("an order's event");
    let lines = step.lines.iter().filter(|l| l.released > 0);
    lines.map(|l| (l.id, l.released)).collect()
}

#[test]
fn an_order_that_ships_what_is_there_names_each_unit_once() {
    let (mut life, mut world) = born(&[3, 2], AllocationPolicy::ShipPartial);
    life.apply(&Fact::UnitsReserved(units(&[(1, 2)])), &mut world);
    assert_eq!(
        life.order.status,
        OrderStatus::Pending,
        "sources are still asked"
    );
    life.apply(&Fact::Backordered, &mut world);
    let way = [
        EventKind::OrderBackordered,
        EventKind::OrderProcessing,
        EventKind::OrderLinesReleased,
    ];
    assert!(life.kinds.ends_with(&way), "{:?}", life.kinds);
    assert_eq!(released(&life), [(1, 2)]);
    life.apply(&Fact::UnitsReserved(units(&[(1, 1), (2, 2)])), &mut world);
    assert_eq!(
        life.order.status,
        OrderStatus::Processing,
        "it does not step back to confirmed"
    );
    assert_eq!(released(&life), [(1, 1), (2, 2)]);
}

#[test]
fn an_order_that_waits_for_everything_is_confirmed_when_the_last_unit_is_there() {
    let (mut life, mut world) = born(&[2], AllocationPolicy::Backorder);
    life.apply(&Fact::UnitsReserved(units(&[(1, 1)])), &mut world);
    life.apply(&Fact::Backordered, &mut world);
    assert_eq!(life.order.status, OrderStatus::Backordered);
    life.apply(&Fact::UnitsReserved(units(&[(1, 1)])), &mut world);
    assert_eq!(life.order.status, OrderStatus::Confirmed);
}

#[test]
fn an_order_that_may_not_wait_fails_when_it_is_short() {
    let (mut life, mut world) = born(&[2], AllocationPolicy::Reject);
    life.apply(&Fact::UnitsReserved(units(&[(1, 1)])), &mut world);
    life.apply(&Fact::Backordered, &mut world);
    assert_eq!(life.order.status, OrderStatus::Failed);
}

#[test]
fn units_of_a_shipment_that_was_called_off_are_released_again() {
    let (mut life, mut world) = confirmed(&[2]);
    life.apply(&Fact::ShipmentCreated(units(&[(1, 2)])), &mut world);
    life.apply(&Fact::ShipmentCancelled(units(&[(1, 2)])), &mut world);
    assert_eq!(life.order.status, OrderStatus::Processing);
    assert_eq!(released(&life), [(1, 2)]);
}

#[test]
fn a_cancellation_is_answered_and_what_was_called_off_for_it_is_not_released_again() {
    let (mut life, mut world) = confirmed(&[1, 1]);
    life.apply(&Fact::ShipmentCreated(units(&[(1, 1)])), &mut world);
    life.apply(&Fact::ShipmentCreated(units(&[(2, 1)])), &mut world);
    life.ask(&cancel(), &mut world).expect("it may be asked");
    life.apply(&Fact::ShipmentShipped(units(&[(1, 1)])), &mut world);
    life.apply(&Fact::ShipmentCancelled(units(&[(2, 1)])), &mut world);
    assert_eq!(life.kinds.last(), Some(&EventKind::OrderLinesChanged));
    life.apply(&Fact::CancelRefused, &mut world);
    let way = [
        EventKind::OrderCancelRejected,
        EventKind::OrderLineCancelled,
        EventKind::OrderShipped,
    ];
    assert!(life.kinds.ends_with(&way), "{:?}", life.kinds);
    assert_eq!(life.order.totals().cancelled, 1);
}

#[test]
fn an_order_of_which_everything_is_lost_passes_shipped_and_fails() {
    let (mut life, mut world) = confirmed(&[1, 1]);
    life.apply(&Fact::ShipmentCreated(units(&[(1, 1), (2, 1)])), &mut world);
    life.apply(&Fact::ShipmentLost(units(&[(1, 1), (2, 1)])), &mut world);
    assert!(
        life.kinds
            .ends_with(&[EventKind::OrderShipped, EventKind::OrderFailed])
    );
    let refusal = life.ask(&Command::Retry, &mut world);
    assert!(
        matches!(refusal, Err(Refusal::InvalidTransition { .. })),
        "something has left: {refusal:?}"
    );
}

#[test]
fn exhausted_sources_end_only_what_waits_once_delivery_has_begun() {
    let (mut life, mut world) = born(&[3], AllocationPolicy::ShipPartial);
    life.apply(&Fact::UnitsReserved(units(&[(1, 1)])), &mut world);
    life.apply(&Fact::Backordered, &mut world);
    life.apply(&Fact::ShipmentCreated(units(&[(1, 1)])), &mut world);
    life.apply(&Fact::SourcesExhausted, &mut world);
    assert_eq!(
        life.order.status,
        OrderStatus::Processing,
        "the shipment may be leaving right now"
    );
    life.apply(&Fact::ShipmentShipped(units(&[(1, 1)])), &mut world);
    assert_eq!(life.order.status, OrderStatus::Shipped);
    assert_eq!(life.order.totals().cancelled, 2);
}

#[test]
fn the_rest_of_a_partly_shipped_order_is_given_up_and_it_is_shipped() {
    let (mut life, mut world) = confirmed(&[1, 1]);
    life.apply(&Fact::ShipmentCreated(units(&[(1, 1), (2, 1)])), &mut world);
    life.apply(&Fact::ShipmentDelivered(units(&[(1, 1)])), &mut world);
    assert_eq!(life.order.status, OrderStatus::PartiallyShipped);
    life.apply(&Fact::ShipmentFailed(units(&[(2, 1)])), &mut world);
    let way = [
        EventKind::OrderLineCancelled,
        EventKind::OrderShipped,
        EventKind::OrderDelivered,
    ];
    assert!(life.kinds.ends_with(&way), "{:?}", life.kinds);
}

#[test]
fn an_order_whose_only_shipment_fails_is_tried_again_with_everything() {
    let (mut life, mut world) = confirmed(&[2]);
    life.apply(&Fact::ShipmentCreated(units(&[(1, 2)])), &mut world);
    life.apply(&Fact::ShipmentFailed(units(&[(1, 2)])), &mut world);
    assert_eq!(life.order.status, OrderStatus::Failed);
    life.ask(&Command::Retry, &mut world)
        .expect("nothing has left");
    assert_eq!(
        (life.order.status, life.order.totals().backordered),
        (OrderStatus::Pending, 2)
    );
    life.apply(&Fact::UnitsReserved(units(&[(1, 2)])), &mut world);
    assert_eq!(life.order.status, OrderStatus::Confirmed);
}

#[test]
fn a_shipment_that_fails_while_a_cancellation_is_asked_leaves_the_answer_to_delivery() {
    let (mut life, mut world) = confirmed(&[2]);
    life.apply(&Fact::ShipmentCreated(units(&[(1, 2)])), &mut world);
    life.ask(&cancel(), &mut world).expect("it may be asked");
    life.apply(&Fact::ShipmentFailed(units(&[(1, 2)])), &mut world);
    assert_eq!(life.order.status, OrderStatus::Cancelling);
    life.apply(&Fact::CancelAgreed, &mut world);
    assert_eq!(life.order.status, OrderStatus::Cancelled);
}

#[test]
fn a_refusal_that_overtakes_the_news_of_what_left_gives_nothing_up() {
    let (mut life, mut world) = confirmed(&[2]);
    life.ask(&cancel(), &mut world).expect("it may be asked");
    life.apply(&Fact::CancelRefused, &mut world);
    assert_eq!(
        (life.order.status, life.order.totals().reserved),
        (OrderStatus::Confirmed, 2)
    );
    life.apply(&Fact::ShipmentDelivered(units(&[(1, 2)])), &mut world);
    assert_eq!(life.order.status, OrderStatus::Delivered);
}

#[test]
fn a_hold_may_be_placed_until_everything_has_left_and_changes_no_status() {
    let (mut life, mut world) = confirmed(&[1, 1]);
    life.apply(&Fact::ShipmentCreated(units(&[(1, 1)])), &mut world);
    life.apply(&Fact::ShipmentShipped(units(&[(1, 1)])), &mut world);
    life.ask(&place_hold(), &mut world)
        .expect("one line is still here");
    assert_eq!(life.order.status, OrderStatus::PartiallyShipped);
    life.apply(&Fact::ShipmentShipped(units(&[(2, 1)])), &mut world);
    assert!(life.ask(&place_hold(), &mut world).is_err());
}

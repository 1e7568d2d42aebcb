//! Changes of one order that follow each other, made one: the rows after the last, guarded by the version before the
//! first, and everything that happened in between.

mod world;

use proptest::prelude::*;
use uuid::Uuid;
use waybill_domain::change::{Change, DeliveryEffect, OrderEffect};
use waybill_domain::context::RequestIds;
use waybill_domain::event::NewEvent;
use waybill_domain::fact::{self, Fact};
use waybill_domain::ids::{OrderId, ShipmentId};
use waybill_domain::once::CommandClaim;
use waybill_domain::order::Order;
use waybill_domain::shipment::{self, Shipment, ShipmentStatus, Update};
use waybill_domain::successive::merged;
use waybill_domain::text::{Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::timer::{Timer, TimerChange};
use world::{World, any_birth, any_fact, units};

/// Lets facts happen to an order one after another; the changes of those that changed something.
fn follow(mut order: Order, facts: &[Fact]) -> Vec<Change<OrderEffect>> {
    let mut world = World::default();
    let mut changes = vec![];
    for fact in facts {
        if let Some(change) = fact::apply(&order, fact, &mut world.context()) {
            order = change.effect.order.after.clone();
            changes.push(change);
        }
    }
    changes
}

fn events<E>(changes: &[Change<E>]) -> Vec<&NewEvent> {
    changes.iter().flat_map(|change| &change.events).collect()
}

proptest! {
    #[test]
    fn merged_changes_of_an_order_leave_what_the_last_one_leaves(
        order in any_birth(),
        facts in proptest::collection::vec(any_fact(), 1..12),
    ) {
        let changes = follow(order.clone(), &facts);
        let Some(last) = changes.last() else { return Ok(()) };
        let one = merged(changes.clone());
        prop_assert_eq!(one.len(), 1);
        let written = &one[0].effect;
        prop_assert_eq!(written.order.expected_version, order.version);
        prop_assert_eq!(written.order.status_before, order.status);
        prop_assert_eq!(&written.order.after, &last.effect.order.after);
        let lines = &last.effect.order.after.lines;
        for (index, line) in order.lines.iter().enumerate() {
            let is_written = written.order.changed_lines.contains(&index);
            prop_assert!(is_written || lines[index].quantities == line.quantities, "line {}", index);
        }
        let moves: Vec<_> = changes.iter().flat_map(|c| c.effect.reservations.clone()).collect();
        prop_assert_eq!(&written.reservations, &moves);
        prop_assert_eq!(events(&one), events(&changes));
    }
}

fn made(id: u128) -> Shipment {
    Shipment {
        id: ShipmentId(Uuid::from_u128(id)),
        order_id: OrderId(Uuid::from_u128(8)),
        tenant: Tenant::default(),
        partition: 0,
        vendor: Vendor::local(),
        attempt: 1,
        status: ShipmentStatus::Processing,
        version: 1,
        lines: units(&[(1, 2)]),
        tracking_number: None,
        carrier: None,
        created_at: Time(0),
        updated_at: Time(0),
        request: RequestIds::default(),
        shipped_at: None,
        delivered_at: None,
        due_at: Some(Time(5)),
    }
}

fn timer_of(shipment: &Shipment) -> Timer {
    Timer {
        partition: 0,
        due_at: shipment.due_at.expect("it waits"),
        shipment_id: shipment.id,
        order_id: shipment.order_id,
    }
}

/// The steps of a shipment up to delivered.
fn steps(before: &Shipment, world: &mut World) -> Vec<Change<DeliveryEffect>> {
    let mut shipment = before.clone();
    let mut changes = vec![];
    let due = [Some(Time(9)), None];
    for (status, due_at) in [ShipmentStatus::Shipped, ShipmentStatus::Delivered]
        .into_iter()
        .zip(due)
    {
        let update = Update {
            status: Some(status),
            due_at,
            ..Update::default()
        };
        let change = shipment::update(&shipment, &update, &mut world.context());
        let change = change.expect("allowed").expect("something new");
        shipment = change.effect.shipments[0].after.clone();
        changes.push(change);
    }
    changes
}

#[test]
fn a_shipment_is_written_once_and_a_timer_between_its_steps_never() {
    let mut world = World::default();
    let before = made(7);
    let changes = steps(&before, &mut world);
    let one = merged(changes.clone());
    let effect = &one[0].effect;
    assert_eq!(one.len(), 1);
    assert_eq!(effect.shipments.len(), 1);
    assert_eq!(effect.shipments[0].expected_version, 1);
    assert_eq!(effect.shipments[0].after.status, ShipmentStatus::Delivered);
    // The timer that was there before is cleared; the one that the first step set and the second cleared is not written.
    assert_eq!(effect.timers, [TimerChange::Clear(timer_of(&before))]);
    assert_eq!(events(&one), events(&changes));
}

#[test]
fn shipments_of_an_order_and_changes_of_other_orders_stay_apart() {
    let mut world = World::default();
    let (first, second) = (steps(&made(7), &mut world), steps(&made(9), &mut world));
    let mut other = steps(&made(11), &mut world);
    for change in &mut other {
        change.order_id = OrderId(Uuid::from_u128(12));
    }
    let all: Vec<_> = [first, other, second].concat();
    let of_orders = merged(all);
    let ids = |change: &Change<DeliveryEffect>| -> Vec<u128> {
        let shipments = change.effect.shipments.iter();
        shipments.map(|s| s.after.id.0.as_u128()).collect()
    };
    assert_eq!(
        of_orders.iter().map(ids).collect::<Vec<_>>(),
        [vec![7, 9], vec![11]]
    );
}

#[test]
fn a_change_with_a_commands_key_is_written_by_itself() {
    let mut world = World::default();
    let mut changes = steps(&made(7), &mut world);
    changes[1].claim = Some(CommandClaim {
        hash: [1; 16],
        request: [2; 16],
        expires_at: Time(99),
        outcome: String::new(),
    });
    assert_eq!(merged(changes).len(), 2);
}

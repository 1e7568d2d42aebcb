//! Timers: durable, returned in the order of their due times, cleared by the step they were set for.

use super::Harness;
use crate::error::Error;
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::shipment::{Shipment, ShipmentStatus};
use waybill_domain::time::Time;
use waybill_domain::timer::{Timer, TimerChange};

async fn due(h: &Harness, limit: usize) -> (Vec<(Timer, Option<Shipment>)>, Option<Time>) {
    due_in(h, 0, limit).await
}

async fn due_in(
    h: &Harness,
    partition: u16,
    limit: usize,
) -> (Vec<(Timer, Option<Shipment>)>, Option<Time>) {
    h.store
        .due_timers(partition, h.clock.now(), limit)
        .await
        .expect("timers are read")
}

/// Shipments whose carriers come one millisecond after another, the first in a second.
async fn shipments(h: &Harness, count: usize) -> Vec<Shipment> {
    h.put("A", 100).await;
    let mut made = vec![];
    for _ in 0..count {
        let id = h.created(h.make.order(&[("A", 1)])).await;
        made.push(h.shipped_off(id).await);
        h.clock.advance_ms(1);
    }
    made
}

pub(super) async fn timers_are_due_in_order_and_tell_when_the_next_one_is(h: Harness) {
    let made = shipments(&h, 4).await;
    assert_eq!(due(&h, 9).await, (vec![], made[0].due_at));
    h.clock.advance_ms(1_000 - 4 + 1);
    let (fired, next) = due(&h, 9).await;
    assert_eq!(
        fired.iter().map(|(t, _)| t.shipment_id).collect::<Vec<_>>(),
        [made[0].id, made[1].id]
    );
    assert_eq!(
        fired
            .iter()
            .filter_map(|(_, s)| s.as_ref())
            .collect::<Vec<_>>(),
        [&made[0], &made[1]]
    );
    assert_eq!(next, made[2].due_at);
    let (fired, next) = due(&h, 1).await;
    assert_eq!(
        (fired.len(), next),
        (1, made[1].due_at),
        "more is due than was asked for"
    );
    h.clock.advance_ms(10);
    let (fired, next) = due(&h, 4).await;
    assert_eq!((fired.len(), next), (4, None));
}

pub(super) async fn a_timer_is_gone_with_the_step_it_was_for_and_the_next_one_is_set(h: Harness) {
    let made = shipments(&h, 1).await;
    h.clock.advance_ms(1_000);
    let (lease, _) = h.lease("carrier").await;
    let then = h.make.in_ms(500);
    let step = h.ship(&made[0], ShipmentStatus::Shipped, Some(then));
    h.store
        .write_changes(vec![step.clone()], Some(lease.clone()))
        .await
        .expect("not fenced")
        .remove(0)
        .expect("no other write came first");
    assert_eq!(due(&h, 9).await, (vec![], Some(then)));
    let twice = h
        .store
        .write_changes(vec![step], Some(lease.clone()))
        .await
        .expect("not fenced")
        .remove(0);
    assert!(matches!(twice, Err(Error::Conflict { .. })), "{twice:?}");
    h.clock.advance_ms(500);
    let shipped = due(&h, 9).await.0.remove(0).1.expect("its shipment");
    let delivered = h.ship(&shipped, ShipmentStatus::Delivered, None);
    h.store
        .write_changes(vec![delivered], Some(lease))
        .await
        .expect("not fenced")
        .remove(0)
        .expect("no other write came first");
    assert_eq!(due(&h, 9).await, (vec![], None));
    assert_eq!(h.store.stats().await.expect("read").timers, 0);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_timer_fired_under_a_lease_that_is_lost_changes_nothing(h: Harness) {
    let made = shipments(&h, 1).await;
    let (old, _) = h.lease("carrier").await;
    h.lease("carrier").await;
    let step = h.ship(&made[0], ShipmentStatus::Shipped, None);
    let fenced = h.store.write_changes(vec![step], Some(old)).await;
    assert!(matches!(fenced, Err(Error::Fenced { .. })), "{fenced:?}");
    h.clock.advance_ms(1_000);
    assert_eq!(due(&h, 9).await.0.len(), 1);
}

pub(super) async fn a_timer_without_its_shipment_can_be_told_apart_and_cleared(h: Harness) {
    let made = shipments(&h, 1).await;
    // The last partition, which is the first one only where there is one.
    let partition = h.store.identity().partitions - 1;
    let (tenant, order_id) = (made[0].tenant.clone(), made[0].order_id);
    let mut change = Change::new(tenant, order_id, partition, DeliveryEffect::default());
    let stray = Timer {
        partition,
        due_at: h.clock.now(),
        shipment_id: waybill_domain::ids::ShipmentId(h.make.id()),
        order_id: made[0].order_id,
    };
    change.effect.timers = vec![TimerChange::Set(stray.clone())];
    h.write_changes(vec![change.clone()])
        .await
        .remove(0)
        .expect("written");
    assert_eq!(due_in(&h, partition, 9).await.0, [(stray.clone(), None)]);
    // The change's partition differs from the timer's; the timer's counts.
    change.partition = 0;
    change.effect.timers = vec![TimerChange::Clear(stray)];
    h.write_changes(vec![change])
        .await
        .remove(0)
        .expect("written");
    assert!(due_in(&h, partition, 9).await.0.is_empty());
}

pub(super) async fn timers_outlive_the_process(mut h: Harness) {
    let made = shipments(&h, 2).await;
    h.reopen().await;
    h.clock.advance_ms(1_000);
    let (fired, _) = due(&h, 9).await;
    assert_eq!(
        fired.iter().map(|(t, _)| t.shipment_id).collect::<Vec<_>>(),
        [made[0].id, made[1].id]
    );
}

//! Independent changes: guarded by versions, each written whole or not at all.

use super::Harness;
use crate::error::Error;
use waybill_domain::command::Command;
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::fact::Fact;
use waybill_domain::order::HoldReason;
use waybill_domain::reservation::{ReservationMove, ReservedUnits, Units};
use waybill_domain::status::OrderStatus;
use waybill_domain::text::{Sku, Vendor};

const NOTE: Command = Command::AddNote;

fn units(line: u16, quantity: i64) -> Vec<ShipmentLine> {
    vec![ShipmentLine { line, quantity }]
}

pub(super) async fn a_change_is_written_whole(h: Harness) {
    let id = h.sold("A", 5, 2).await;
    let before = h.order(id).await;
    h.clock.advance_ms(10);
    let change = h.command(
        &before,
        &Command::Cancel {
            reason: Some("too late".into()),
        },
    );
    let after = change.effect.order.after.clone();
    h.write_changes(vec![change.clone()])
        .await
        .remove(0)
        .expect("no other write came first");
    assert_eq!(h.record(id).await.order, after);
    assert_eq!(
        (after.status, after.cancel_reason.as_deref()),
        (OrderStatus::Cancelling, Some("too late"))
    );
    let logged: Vec<_> = h
        .events_of(id)
        .await
        .into_iter()
        .skip(2)
        .map(|e| e.event)
        .collect();
    assert_eq!(logged, change.events);
}

pub(super) async fn what_was_written_about_a_cancellation_is_personal_data(h: Harness) {
    let id = h.sold("A", 5, 2).await;
    let reason = Some("my name is Karla".to_owned());
    let cancel = Command::Cancel {
        reason: reason.clone(),
    };
    h.done(id, &cancel).await;
    let refused = h.fact(&h.order(id).await, &Fact::CancelAgreed);
    let change = refused.expect("it changes");
    h.write_changes(vec![change])
        .await
        .remove(0)
        .expect("written");
    let read = h.record(id).await.order;
    assert_eq!(read.status, OrderStatus::Cancelled);
    assert_eq!(read.cancel_reason, reason, "the order answers it");
    assert_eq!(
        h.order(id).await.cancel_reason,
        None,
        "reading states leaves personal data out"
    );
    for logged in h.events_of(id).await {
        let body = &logged.event.body;
        assert!(!body.contains("Karla"), "{}: {body}", logged.event.kind);
    }
}

pub(super) async fn a_change_decided_on_an_older_version_writes_nothing(h: Harness) {
    let id = h.sold("A", 5, 2).await;
    let order = h.order(id).await;
    let late = h
        .fact(&order, &Fact::ShipmentShipped(units(1, 2)))
        .expect("it changes");
    h.done(id, &NOTE).await;
    let (log, level, order) = (h.log().await, h.level("A").await, h.order(id).await);
    let refused = h.write_changes(vec![late.clone()]).await.remove(0);
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert!(
        !refused.expect_err("refused").is_retryable(),
        "the same change can never succeed"
    );
    assert_eq!(
        (h.log().await, h.level("A").await, h.order(id).await),
        (log, level, order)
    );
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn the_others_of_a_batch_are_done(h: Harness) {
    h.put("A", 100).await;
    let mut changes = vec![];
    let mut ids = vec![];
    for n in 0..20 {
        let id = h.created(h.make.order(&[("A", 2)])).await;
        let order = h.order(id).await;
        changes.push(
            h.fact(&order, &Fact::ShipmentShipped(units(1, 2)))
                .expect("it changes"),
        );
        if n % 7 == 3 {
            h.done(id, &NOTE).await;
        }
        ids.push(id);
    }
    let results = h.write_changes(changes).await;
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result.is_ok(), n % 7 != 3, "{n}: {result:?}");
        let status = h.order(ids[n]).await.status;
        assert_eq!(status == OrderStatus::Shipped, n % 7 != 3);
    }
    assert_eq!(
        (h.level("A").await.on_hand, h.level("A").await.reserved),
        (100 - 34, 6)
    );
    assert_eq!(h.findings().await, [""; 0]);
    h.assert_listener_got_the_log().await;
}

pub(super) async fn two_changes_of_one_order_follow_each_other(h: Harness) {
    let id = h.sold("A", 5, 2).await;
    let first = h.command(&h.order(id).await, &NOTE);
    let after = first.effect.order.after.clone();
    let second = h.command(&after, &NOTE);
    let results = h.write_changes(vec![first.clone(), second, first]).await;
    assert_eq!(
        results.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert_eq!(h.order(id).await.version, 4);
    assert_eq!(h.findings().await, [""; 0]);
}

fn reserved_units(line: u16, units: i64) -> ReservedUnits {
    ReservedUnits {
        line,
        sku: Sku::stored("A"),
        vendor: Vendor::local(),
        attempt: None,
        units: Units::new(units).expect("above zero"),
    }
}

fn reserve(line: u16, units: i64) -> ReservationMove {
    ReservationMove::Reserve(reserved_units(line, units))
}

fn consume_of(line: u16, units: i64) -> ReservationMove {
    ReservationMove::Consume(reserved_units(line, units))
}

fn release_of(line: u16, units: i64) -> ReservationMove {
    ReservationMove::Release(reserved_units(line, units))
}

fn consume(units: i64) -> ReservationMove {
    consume_of(1, units)
}

fn release(units: i64) -> ReservationMove {
    release_of(1, units)
}

pub(super) async fn units_that_leave_fall_from_both_and_units_given_back_from_one(h: Harness) {
    h.put("A", 10).await;
    let one = h.created(h.make.order(&[("A", 3), ("A", 2)])).await;
    let two = h.created(h.make.order(&[("A", 4)])).await;
    let ship = h
        .fact(
            &h.order(one).await,
            &Fact::ShipmentShipped(vec![units(1, 2)[0], units(2, 2)[0]]),
        )
        .expect("changes");
    let two = h.order(two).await;
    let mut give_back = h.command(&two, &NOTE);
    give_back.effect.reservations.push(release(4));
    let order = &mut give_back.effect.order;
    (
        order.after.lines[0].quantities.reserved,
        order.after.lines[0].quantities.cancelled,
    ) = (0, 4);
    order.changed_lines = vec![0];
    assert!(
        h.write_changes(vec![ship, give_back])
            .await
            .iter()
            .all(Result::is_ok)
    );
    let level = h.level("A").await;
    assert_eq!(
        (level.on_hand, level.reserved, level.version),
        (6, 1, 1),
        "an order does not change the row's version"
    );
}

pub(super) async fn more_than_was_reserved_can_neither_leave_nor_be_given_back(h: Harness) {
    let id = h.sold("A", 10, 3).await;
    let order = h.order(id).await;
    let (log, level) = (h.log().await, h.level("A").await);
    for moves in [
        vec![consume(4)],
        vec![release(4)],
        vec![consume(2), release(2)],
        vec![release(1), consume(3)],
        vec![reserve(1, 1)],
        vec![reserve(2, 8)],
    ] {
        let mut change = h.command(&order, &NOTE);
        change.effect.reservations.clone_from(&moves);
        let refused = h.write_changes(vec![change]).await.remove(0);
        assert!(
            // What is not there any more may have been sold a moment ago: that is decided anew.
            matches!(refused, Err(Error::Refused { .. } | Error::Conflict { .. })),
            "{moves:?}: {refused:?}"
        );
    }
    assert_eq!(
        (h.log().await, h.level("A").await, h.order(id).await),
        (log, level, order)
    );
}

pub(super) async fn a_change_reserves_units_and_a_later_one_of_the_same_call_moves_them(
    h: Harness,
) {
    let id = h.sold("A", 10, 3).await;
    let first = h.command(&h.order(id).await, &NOTE);
    let after = first.effect.order.after.clone();
    let mut second = h.command(&after, &NOTE);
    let mut first = first;
    first.effect.reservations = vec![reserve(2, 7)];
    second.effect.reservations = vec![consume_of(2, 2), release_of(2, 4)];
    for written in h.write_changes(vec![first, second]).await {
        written.expect("allowed");
    }
    let level = h.level("A").await;
    assert_eq!((level.on_hand, level.reserved), (8, 4));
}

pub(super) async fn a_reservation_whose_stock_row_is_gone_is_a_fault_of_its_own_order(h: Harness) {
    let id = h.sold("A", 10, 3).await;
    let mut change = h.command(&h.order(id).await, &NOTE);
    let mut moved = reserved_units(2, 1);
    moved.sku = Sku::stored("GONE");
    change.effect.reservations = vec![ReservationMove::Reserve(moved)];
    let refused = h.write_changes(vec![change]).await.remove(0);
    assert!(
        refused.as_ref().is_err_and(Error::is_poison),
        "another try would find the same: {refused:?}"
    );
}

pub(super) async fn a_finished_reservation_is_never_moved_again(h: Harness) {
    let id = h.sold("A", 10, 3).await;
    let ship = h
        .fact(&h.order(id).await, &Fact::ShipmentShipped(units(1, 3)))
        .expect("it changes");
    h.write_changes(vec![ship])
        .await
        .remove(0)
        .expect("no other write came first");
    let mut change = h.command(&h.order(id).await, &NOTE);
    change.effect.reservations.push(release(1));
    assert!(matches!(
        h.write_changes(vec![change]).await.remove(0),
        Err(Error::Conflict { .. })
    ));
    assert_eq!(
        (h.level("A").await.on_hand, h.level("A").await.reserved),
        (7, 0)
    );
}

pub(super) async fn holds_are_placed_with_their_notes_and_released(h: Harness) {
    let id = h.sold("A", 10, 3).await;
    for note in [Some("ring first"), None, Some("and again")] {
        let place = Command::PlaceHold {
            reason: HoldReason::Manual,
            placed_by: "client:c-1".into(),
            note: note.map(str::to_owned),
        };
        h.clock.advance_ms(1);
        h.done(id, &place).await;
    }
    let holds = h.record(id).await.order.holds;
    assert_eq!(
        holds.iter().map(|h| h.note.as_deref()).collect::<Vec<_>>(),
        [Some("ring first"), None, Some("and again")]
    );
    let release = h.command(
        &h.order(id).await,
        &Command::ReleaseHold { hold: holds[0].id },
    );
    h.clock.advance_ms(1);
    h.write_changes(vec![release.clone()])
        .await
        .remove(0)
        .expect("no other write came first");
    let holds = h.order(id).await.holds;
    assert_eq!(
        holds
            .iter()
            .map(|h| h.released_at.is_some())
            .collect::<Vec<_>>(),
        [true, false, false]
    );
    assert!(matches!(
        h.write_changes(vec![release]).await.remove(0),
        Err(Error::Conflict { .. })
    ));
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_shipment_is_made_once_per_order_vendor_and_attempt(h: Harness) {
    let id = h.sold("A", 10, 3).await;
    let order = h.order(id).await;
    let shipment = h.shipped_off(id).await;
    let mut twin = h.ship(
        &shipment,
        waybill_domain::shipment::ShipmentStatus::Shipped,
        None,
    );
    twin.effect.shipments[0].expected_version = 0;
    twin.effect.shipments[0].after.id = waybill_domain::ids::ShipmentId(h.make.id());
    twin.effect.timers.clear();
    assert!(matches!(
        h.write_changes(vec![twin]).await.remove(0),
        Err(Error::Conflict { .. })
    ));
    let known = h.store.deliveries(vec![id]).await.expect("read");
    assert_eq!((known[0].2.len(), &known[0].2[0]), (1, &shipment));
    assert_eq!(
        h.order(id).await,
        order,
        "the order's own row is the status role's"
    );
}

pub(super) async fn a_shipment_or_delivery_of_an_older_version_is_refused(h: Harness) {
    let id = h.sold("A", 10, 3).await;
    let order = h.order(id).await;
    let early = h
        .on_order_news(
            &order,
            2,
            waybill_domain::delivery::OrderNews::HoldPlaced(waybill_domain::ids::HoldId(
                h.make.id(),
            )),
        )
        .await
        .expect("changes");
    let shipment = h.shipped_off(id).await;
    assert!(
        matches!(
            h.write_changes(vec![early]).await.remove(0),
            Err(Error::Conflict { .. })
        ),
        "its delivery is there by now"
    );
    let step = h.ship(
        &shipment,
        waybill_domain::shipment::ShipmentStatus::Shipped,
        None,
    );
    let results = h.write_changes(vec![step.clone(), step]).await;
    assert_eq!(
        results.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(
        h.findings()
            .await
            .iter()
            .filter(|f| !f.contains("I9"))
            .count(),
        0
    );
}

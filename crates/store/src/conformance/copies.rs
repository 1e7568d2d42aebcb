//! An order's copies of its shipments: written and read with its row, and changed by one consumer only.

use super::Harness;
use crate::error::Error;
use crate::model::OrderFilter;
use waybill_domain::command::Command;
use waybill_domain::ids::OrderId;
use waybill_domain::shipment::{Shipment, ShipmentCopy, ShipmentStatus, Update};
use waybill_domain::text::Tenant;

/// The copy of a shipment that its order shows from version `shown_in` on.
fn copy(of: &Shipment, shown_in: i64) -> ShipmentCopy {
    ShipmentCopy {
        id: of.id,
        vendor: of.vendor.clone(),
        attempt: of.attempt,
        status: of.status,
        version: of.version,
        shown_in,
        lines: of.lines.clone(),
        tracking_number: of.tracking_number.clone(),
        carrier: of.carrier.clone(),
        created_at: of.created_at,
        updated_at: of.updated_at,
        shipped_at: of.shipped_at,
        delivered_at: of.delivered_at,
    }
}

fn tracked(status: Option<ShipmentStatus>) -> Update {
    Update {
        status,
        tracking_number: Some("T-\"1\"".into()),
        carrier: Some("Überbringer".into()),
        due_at: None,
    }
}

/// Takes a step of the order's shipment; returns the shipment after it.
async fn stepped(h: &Harness, shipment: &Shipment, update: &Update) -> Shipment {
    h.clock.advance_ms(10);
    let change = h.update(shipment, update);
    let after = change.effect.shipments[0].after.clone();
    let written = h.write_changes(vec![change]).await.remove(0);
    written.expect("no other write came first");
    after
}

async fn shipments(h: &Harness, id: OrderId) -> Vec<Shipment> {
    let mut held = h.store.deliveries(vec![id]).await.expect("read");
    held.remove(0).2
}

pub(super) async fn an_order_keeps_what_it_shows_of_its_shipments(mut h: Harness) {
    h.put("A", 9).await;
    let id = h.created(h.make.order(&[("A", 2), ("A", 3)])).await;
    assert_eq!(h.order(id).await.shipments, []);
    let made = h.shipped_off(id).await;
    assert_eq!(h.order(id).await.shipments, [], "not taken in yet");
    let shipped = stepped(&h, &made, &tracked(Some(ShipmentStatus::Shipped))).await;
    h.status_follows().await;
    let order = h.order(id).await;
    assert_eq!(order.shipments, [copy(&shipped, order.version)]);
    let arrived = Update {
        status: Some(ShipmentStatus::Delivered),
        ..Update::default()
    };
    stepped(&h, &shipped, &arrived).await;
    h.status_follows().await;
    for again in [false, true] {
        if again {
            h.reopen().await;
        }
        let order = h.order(id).await;
        let rows = shipments(&h, id).await;
        let kept: Vec<_> = rows.iter().map(|s| copy(s, order.version)).collect();
        assert_eq!((order.shipments.len(), &order.shipments), (1, &kept));
        assert_eq!(h.record(id).await.order.shipments, kept);
        let page = h.store.list_orders(&Tenant::default(), filter()).await;
        assert_eq!(page.expect("read").items[0].order.shipments, kept);
    }
    assert_eq!(h.findings().await, [""; 0]);
}

fn filter() -> OrderFilter {
    OrderFilter {
        limit: 1,
        ..OrderFilter::default()
    }
}

pub(super) async fn a_copy_alone_leaves_the_version_and_no_command_takes_it_back(h: Harness) {
    let id = h.sold("A", 5, 2).await;
    let made = h.shipped_off(id).await;
    h.status_follows().await;
    let before = h.order(id).await;
    let decided_on_the_older_copy = h.command(&before, &Command::AddNote);
    let tracked = stepped(&h, &made, &tracked(None)).await;
    h.status_follows().await;
    let after = h.order(id).await;
    let kept = [copy(&tracked, before.version + 1)];
    assert_eq!(after.shipments, kept);
    assert_eq!(
        (after.version, after.updated_at),
        (before.version, before.updated_at),
        "the order itself has not changed"
    );
    let written = h.write_changes(vec![decided_on_the_older_copy]).await;
    assert!(written[0].is_ok(), "{written:?}");
    let noted = h.order(id).await;
    assert_eq!(noted.version, before.version + 1);
    assert_eq!(noted.shipments, kept);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_copy_decided_on_an_older_version_is_refused(h: Harness) {
    let id = h.sold("A", 5, 2).await;
    let made = h.shipped_off(id).await;
    h.status_follows().await;
    stepped(&h, &made, &tracked(None)).await;
    let updated = h.log().await.pop().expect("there are events");
    let late = h.on_delivery_event(&updated).await.expect("it changes");
    h.done(id, &Command::AddNote).await;
    let (lease, from) = h.lease("status").await;
    let mut batch = Harness::batch(&lease, from, updated.position);
    batch.changes.push(late);
    let refused = h.store.apply_batch(batch).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    h.status_follows().await;
    let taken = h.order(id).await.shipments[0].tracking_number.clone();
    assert!(taken.is_some(), "decided again, it is taken in");
}

/// For the drivers' own tests: `to_schema_6` removes the column from the closed store, and migrates the store again if
/// opening does not. The orders must then show the same as before.
pub async fn orders_of_schema_6_show_what_they_showed(
    mut h: Harness,
    to_schema_6: impl AsyncFnOnce(),
) {
    h.put("A", 20).await;
    let mut ids = vec![];
    for _ in 0..3 {
        ids.push(h.created(h.make.order(&[("A", 2), ("A", 3)])).await);
    }
    let made = h.shipped_off(ids[0]).await;
    stepped(&h, &made, &tracked(Some(ShipmentStatus::Delivered))).await;
    let made = h.shipped_off(ids[1]).await;
    h.clock.advance_ms(1);
    h.status_follows().await;
    stepped(&h, &made, &tracked(None)).await;
    h.status_follows().await;
    let before = h.store.orders(ids.clone()).await.expect("read");
    let counts: Vec<_> = before.iter().map(|o| o.shipments.len()).collect();
    assert_eq!(counts, [1, 1, 0]);
    h.store.close().await;
    to_schema_6().await;
    h.reopen().await;
    let mut expected = before;
    for order in &mut expected {
        let next = order.version + 1;
        order.shipments.iter_mut().for_each(|s| s.shown_in = next);
    }
    assert_eq!(h.store.orders(ids).await.expect("read"), expected);
    assert_eq!(h.findings().await, [""; 0]);
}

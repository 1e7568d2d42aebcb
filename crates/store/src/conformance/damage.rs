//! The checker finds each kind of damage and reports it under the invariant that the damage breaks.

use super::Harness;
use crate::error::Error;
use crate::verify::Finding;
use waybill_domain::command::Command;
use waybill_domain::shipment::{self, ShipmentStatus};

const INVARIANTS: &str = include_str!("../../../../docs/invariants.md");

/// A store without findings: an order with a shipment under way, and one that has shipped in part.
async fn sound(h: &Harness) {
    h.put("A", 50).await;
    let one = h.created(h.make.order(&[("A", 2), ("A", 1)])).await;
    h.shipped_off(one).await;
    let two = h.created(h.make.order(&[("A", 4)])).await;
    let mut shipped = h.shipped_off(two).await;
    for status in [ShipmentStatus::Shipped, ShipmentStatus::Delivered] {
        let step = h.ship(&shipped, status, None);
        shipped = step.effect.shipments[0].after.clone();
        h.write_changes(vec![step])
            .await
            .remove(0)
            .expect("no other write came first");
    }
    let fact = waybill_domain::fact::Fact::ShipmentDelivered(shipped.lines);
    let change = h.fact(&h.order(two).await, &fact).expect("it changes");
    h.write_changes(vec![change])
        .await
        .remove(0)
        .expect("no other write came first");
    h.done(one, &Command::AddNote).await;
    assert_eq!(h.findings().await, [""; 0], "sound before the damage");
}

/// Runs `sql` and expects a finding under `invariant` whose text contains `says`.
async fn found(mut h: Harness, sql: &str, invariant: &str, says: &str) {
    h.write_plain_log().await;
    sound(&h).await;
    h.store.close().await;
    h.driver.damage(sql).await;
    let findings = h.driver.verify().await.expect("verify runs").findings;
    let hit = |f: &Finding| {
        f.invariant == invariant && (f.detail.contains(says) || f.subject.contains(says))
    };
    assert!(
        findings.iter().any(hit),
        "{sql}: no {invariant} {says:?} in {findings:#?}"
    );
    for finding in findings.iter().filter(|f| f.reference().is_some()) {
        let row = format!("<a id=\"{}\">", finding.invariant.to_lowercase());
        assert!(INVARIANTS.contains(&row), "docs/invariants.md has no {row}");
    }
}

const LAST: &str = "(SELECT MAX(position) FROM events)";
const ANY_ORDER: &str = "(SELECT id FROM orders ORDER BY id LIMIT 1)";

pub(super) async fn a_lost_event_is_found(h: Harness) {
    found(
        h,
        &format!("DELETE FROM events WHERE position = {LAST}"),
        "I7",
        "its last event is",
    )
    .await;
}

pub(super) async fn a_hole_in_a_sequence_is_found(h: Harness) {
    found(
        h,
        "DELETE FROM events WHERE type = 'order.confirmed'",
        "I7",
        "after 1",
    )
    .await;
}

pub(super) async fn a_hole_in_a_stock_rows_sequence_is_found(h: Harness) {
    found(
        h,
        "UPDATE events SET seq = 2 WHERE type = 'stock.adjusted'",
        "I7",
        "seq 2 after 0",
    )
    .await;
}

pub(super) async fn a_status_its_events_do_not_amount_to_is_found(h: Harness) {
    found(
        h,
        &format!("UPDATE orders SET status = 'shipped' WHERE id = {ANY_ORDER}"),
        "I9",
        "status shipped",
    )
    .await;
}

pub(super) async fn a_version_its_events_do_not_reach_is_found(h: Harness) {
    found(
        h,
        &format!("UPDATE orders SET version = version + 1 WHERE id = {ANY_ORDER}"),
        "I7",
        "but its last event is",
    )
    .await;
}

pub(super) async fn a_step_the_table_does_not_allow_is_found(h: Harness) {
    found(
        h,
        &format!("UPDATE events SET type = 'order.cancelled' WHERE position = {LAST}"),
        "I7",
        "does not allow",
    )
    .await;
}

pub(super) async fn an_event_that_cannot_be_read_is_found(h: Harness) {
    found(
        h,
        &format!("UPDATE events SET body = '?' WHERE position = {LAST}"),
        "I7",
        "cannot be read",
    )
    .await;
}

pub(super) async fn a_line_that_does_not_add_up_is_found(h: Harness) {
    found(
        h,
        &format!("UPDATE order_lines SET ordered = ordered + 1 WHERE order_id = {ANY_ORDER}"),
        "I7",
        "does not add up",
    )
    .await;
}

pub(super) async fn a_line_its_events_do_not_amount_to_is_found(h: Harness) {
    let sql = format!(
        "UPDATE order_lines SET reserved = 0, cancelled = ordered WHERE order_id = {ANY_ORDER}"
    );
    found(h, &sql, "I9", "its events amount to").await;
}

pub(super) async fn an_order_without_events_is_found(h: Harness) {
    found(
        h,
        &format!("DELETE FROM events WHERE order_id = {ANY_ORDER}"),
        "I6",
        "has no events",
    )
    .await;
}

pub(super) async fn events_without_their_order_are_found(h: Harness) {
    found(
        h,
        &format!("DELETE FROM orders WHERE id = {ANY_ORDER}"),
        "I6",
        "orders have events",
    )
    .await;
}

pub(super) async fn an_order_without_lines_is_found(h: Harness) {
    found(
        h,
        &format!("DELETE FROM order_lines WHERE order_id = {ANY_ORDER}"),
        "I6",
        "no lines",
    )
    .await;
}

pub(super) async fn an_order_without_content_is_found(h: Harness) {
    found(h, "DELETE FROM order_content", "I6", "without its content").await;
}

pub(super) async fn a_claim_without_its_order_is_found(h: Harness) {
    found(
        h,
        &format!("DELETE FROM orders WHERE id = {ANY_ORDER}"),
        "I3",
        "claim without",
    )
    .await;
}

pub(super) async fn stock_sold_twice_is_found(h: Harness) {
    found(
        h,
        "UPDATE stock SET reserved = on_hand + 1",
        "I4",
        "not between",
    )
    .await;
}

pub(super) async fn stock_that_appeared_from_nowhere_is_found(h: Harness) {
    found(
        h,
        "UPDATE stock SET on_hand = on_hand + 1",
        "I5",
        "movements less consumed",
    )
    .await;
}

pub(super) async fn a_reservation_without_a_stock_row_is_found(h: Harness) {
    found(
        h,
        "UPDATE stock SET reserved = reserved + 1",
        "I5",
        "open reservations are",
    )
    .await;
}

pub(super) async fn reserved_units_without_a_reservation_are_found(h: Harness) {
    found(
        h,
        "UPDATE reservations SET released = quantity, state = 'released' WHERE consumed = 0",
        "I5",
        "reserved units of a line without a reservation",
    )
    .await;
}

pub(super) async fn a_stock_row_that_is_gone_is_found(h: Harness) {
    found(h, "DELETE FROM stock", "I5", "but no row").await;
}

pub(super) async fn a_shipment_without_events_is_found(h: Harness) {
    found(
        h,
        "DELETE FROM events WHERE stream = 'shipment'",
        "I9",
        "its events amount to",
    )
    .await;
}

pub(super) async fn a_shipment_that_is_gone_is_found(h: Harness) {
    found(h, "DELETE FROM shipments", "I6", "shipments have events").await;
}

pub(super) async fn a_shipment_that_says_something_else_than_its_events_is_found(h: Harness) {
    found(
        h,
        "UPDATE shipments SET lines = REPLACE(lines, '\"quantity\":4', '\"quantity\":5')",
        "I9",
        "lines 4 of line 1 instead of 5 of line 1",
    )
    .await;
}

pub(super) async fn a_time_that_no_event_has_is_found(h: Harness) {
    found(
        h,
        "UPDATE shipments SET shipped_at = NULL",
        "I9",
        "instead of never",
    )
    .await;
}

/// As [`found`], on a store in which orders have copies of their shipments.
async fn found_in_copies(h: Harness, sql: &str, invariant: &str, says: &str) {
    let id = h.sold("B", 50, 4).await;
    let made = h.shipped_off(id).await;
    h.status_follows().await;
    let tracked = shipment::Update {
        tracking_number: Some("T-1".into()),
        ..shipment::Update::default()
    };
    let written = h.write_changes(vec![h.update(&made, &tracked)]).await;
    assert!(written[0].is_ok(), "{written:?}");
    assert_eq!(
        h.findings().await,
        [""; 0],
        "the consumer is behind, no copy"
    );
    h.status_follows().await;
    assert_eq!(h.findings().await, [""; 0], "sound before the damage");
    h.store.close().await;
    h.driver.damage(sql).await;
    let findings = h.driver.verify().await.expect("verify runs").findings;
    let hit = |f: &Finding| {
        f.invariant == invariant && f.subject.contains("order") && f.detail.contains(says)
    };
    assert!(
        findings.iter().any(hit),
        "{sql}: no {invariant} {says:?} in {findings:#?}"
    );
}

pub(super) async fn units_sent_twice_are_found(h: Harness) {
    found_in_copies(
        h,
        "UPDATE orders SET shipments = REPLACE(shipments, '[1,4]', '[1,3],[1,2]')",
        "I11",
        "4 ordered, 5 in its shipments",
    )
    .await;
}

pub(super) async fn units_sent_of_a_line_that_is_not_there_are_found(h: Harness) {
    found_in_copies(
        h,
        "UPDATE orders SET shipments = REPLACE(shipments, '[1,4]', '[9,4]')",
        "I11",
        "no such line",
    )
    .await;
}

pub(super) async fn a_copy_that_says_something_else_than_the_events_is_found(h: Harness) {
    found_in_copies(
        h,
        "UPDATE orders SET shipments = REPLACE(shipments, 'T-1', 'T-2')",
        "I9",
        "tracking number T-1 instead of T-2",
    )
    .await;
}

pub(super) async fn a_copy_that_is_behind_what_the_order_has_taken_in_is_found(h: Harness) {
    found_in_copies(
        h,
        "UPDATE orders SET shipments = REPLACE(shipments, '\"n\":2', '\"n\":1')",
        "I9",
        "at version 1, but has taken in event 2",
    )
    .await;
}

pub(super) async fn a_copy_of_an_event_that_is_not_there_is_found(h: Harness) {
    found_in_copies(
        h,
        "UPDATE orders SET shipments = REPLACE(shipments, '\"n\":2', '\"n\":3')",
        "I9",
        "at version 3, of which there is no event",
    )
    .await;
}

pub(super) async fn a_copy_that_is_gone_is_found(h: Harness) {
    found_in_copies(
        h,
        "UPDATE orders SET shipments = NULL",
        "I9",
        "at version 0, but has taken in event 2",
    )
    .await;
}

pub(super) async fn copies_that_cannot_be_read_are_found(h: Harness) {
    found_in_copies(
        h,
        "UPDATE orders SET shipments = '?'",
        "I9",
        "its shipments cannot be read",
    )
    .await;
}

pub(super) async fn a_shipment_that_no_timer_moves_is_found(h: Harness) {
    found(h, "DELETE FROM timers", "I12", "no timer").await;
}

pub(super) async fn a_shipment_after_the_tombstone_is_found(h: Harness) {
    found(
        h,
        "UPDATE deliveries SET state = 'cancelled'",
        "I17",
        "tombstone",
    )
    .await;
}

pub(super) async fn a_cell_that_cannot_be_read_is_found_and_names_its_row(h: Harness) {
    found(
        h,
        "UPDATE order_lines SET line = -1 WHERE line = 2",
        "I7",
        "line cannot be read: \"-1\"",
    )
    .await;
}

pub(super) async fn a_row_that_cannot_be_read_is_answered_as_damaged(mut h: Harness) {
    h.put("A", 50).await;
    let order = h.created(h.make.order(&[("A", 2), ("A", 1)])).await;
    h.shipped_off(order).await;
    let own = order.0.to_string();
    // First rows of the order's side, then of delivery's side. Each new damage is in a row that is read before the
    // damaged ones.
    for (sql, of_delivery, says) in [
        (
            "UPDATE order_lines SET line = -1 WHERE line = 2",
            false,
            "line is \"-1\"",
        ),
        ("UPDATE orders SET part = -1", false, "part is \"-1\""),
        (
            "UPDATE shipments SET attempt = -1",
            true,
            "attempt is \"-1\"",
        ),
        (
            "UPDATE deliveries SET state = 'lost'",
            true,
            "state is \"lost\"",
        ),
    ] {
        h.store.close().await;
        h.driver.damage(sql).await;
        h.reopen().await;
        let read = if of_delivery {
            h.store.deliveries(vec![order]).await.map(drop)
        } else {
            h.store.orders(vec![order]).await.map(drop)
        };
        let refused = read.expect_err(sql);
        assert!(matches!(refused, Error::DamagedRow { .. }), "{refused:?}");
        let text = refused.to_string();
        assert!(text.contains(says), "{sql}: {text}");
        assert!(text.contains(&own), "{sql}: no key in {text}");
    }
}

//! The packed log on the embedded driver: what is in the file, and stores of before it.

use super::driver::Embedded;
use std::sync::Arc;
use waybill_domain::event::EventKind;
use waybill_domain::text::Tenant;
use waybill_store::Error;
use waybill_store::conformance::{Driver, Harness};
use waybill_store::sqlite::{open_for_verify, pack_log};

const BACK_TO_15: &str = "DROP TABLE samples; DROP TABLE archived_orders; DROP TABLE archived_stock; DROP INDEX parked_of_order; DROP INDEX work_of_order; ALTER TABLE events DROP COLUMN event_count; ALTER TABLE events DROP COLUMN kinds; ALTER TABLE events DROP COLUMN packed; \
     PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'body TEXT', 'body TEXT NOT NULL') WHERE name = 'events'; \
     PRAGMA writable_schema = RESET; PRAGMA user_version = 15";

async fn harness(driver: &Arc<Embedded>) -> Harness {
    Harness::open(driver.clone(), super::seed()).await
}

#[tokio::test]
async fn a_binary_of_before_stops_at_a_packed_row_and_does_not_pass_it() {
    let driver = Embedded::new();
    let h = harness(&driver).await;
    h.sold("A", 5, 1).await;
    // What such a binary reads: a row of a type it wants, or of one it does not know.
    let read = "SELECT COUNT(*) FROM events WHERE type IN ('order.confirmed') OR type NOT IN ('order.created', 'stock.adjusted')";
    let rows = driver.connection().query_row(read, [], |row| row.get(0));
    assert_eq!(rows, Ok(2), "the count of stock, and the order");
}

#[tokio::test]
async fn a_log_of_schema_15_is_verified_without_migrating_it() {
    let driver = Embedded::new();
    let mut h = harness(&driver).await;
    h.write_plain_log().await;
    h.sold("A", 5, 1).await;
    h.store.close().await;
    driver.connection().execute_batch(BACK_TO_15).unwrap();
    let report = open_for_verify(driver.path()).expect("it can be read");
    assert_eq!((report.findings, report.counts.events), (vec![], 3));
    h.reopen().await;
    h.sold("B", 5, 1).await;
    assert_eq!(h.findings().await, [""; 0]);
}

#[tokio::test]
async fn the_note_of_a_newer_schema_is_left_alone() {
    let driver = Embedded::new();
    let h = harness(&driver).await;
    h.store.close().await;
    let newer =
        "PRAGMA user_version = 99; UPDATE meta SET value = '99:16' WHERE key = 'min_compatible'";
    driver.connection().execute_batch(newer).unwrap();
    let refused = pack_log(driver.path()).expect_err("refused");
    assert!(matches!(refused, Error::NewerSchema { found: 99, .. }));
    let note = "SELECT value FROM meta WHERE key = 'min_compatible'";
    let note: String = driver
        .connection()
        .query_row(note, [], |row| row.get(0))
        .unwrap();
    assert_eq!(note, "99:16");
}

#[tokio::test]
async fn a_row_whose_columns_do_not_say_what_it_holds_is_found() {
    // How many events a consumer of confirmed orders gets, unless it stops. Without a bit for the type, SQL alone passes the
    // row, and only the check of the store finds it.
    for (damage, read) in [
        (
            "UPDATE events SET event_count = 1 WHERE event_count = 2",
            None,
        ),
        ("UPDATE events SET kinds = 1 WHERE event_count = 2", Some(0)),
        (
            "UPDATE events SET kinds = NULL WHERE event_count = 2",
            Some(1),
        ),
        (
            "UPDATE events SET packed = X'01' WHERE event_count = 2",
            None,
        ),
    ] {
        let driver = Embedded::new();
        let h = harness(&driver).await;
        let order = h.sold("A", 5, 1).await;
        driver.damage(damage).await;
        let found = driver.verify().await.expect_err("it cannot be read");
        assert!(
            found.to_string().contains("a packed row of the log"),
            "{damage}: {found}"
        );
        let confirmed = &[EventKind::OrderConfirmed];
        let page = h.store.read_log(0, 0, 10, confirmed).await;
        let stops = |error: &Error| assert!(error.is_item_fault(), "{damage}: {error}");
        let page = page.inspect_err(stops).ok();
        assert_eq!(page.map(|(events, _)| events.len()), read, "{damage}");
        let tenant = Tenant::default();
        assert!(h.store.order_events(&tenant, order, 0, 10).await.is_err());
    }
}

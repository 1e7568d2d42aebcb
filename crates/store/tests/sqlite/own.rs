//! This driver's own tests: folder, file, write-ahead log, the one writer.

use super::driver::{Embedded, open};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use waybill_domain::text::Tenant;
use waybill_store::conformance::{
    Harness, ManualClock, Tap, orders_of_schema_6_show_what_they_showed,
};
use waybill_store::sqlite::Options;
use waybill_store::{Accepted, Error, OrderFilter, Result, Store};

/// A timeout that only a hanging test reaches.
const HANGS: Duration = Duration::from_secs(120);

async fn harness(driver: Arc<Embedded>) -> Harness {
    Harness::open(driver, super::seed()).await
}

fn open_again(path: &std::path::Path) -> Result<Arc<dyn Store>> {
    let clock = ManualClock::default();
    open(
        Options::new(path),
        clock.as_now(),
        Arc::new(Tap::default()),
        &mut uuid::Uuid::nil,
    )
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_free_again_when_it_is_closed() {
    let driver = Embedded::new();
    let h = harness(driver.clone()).await;
    let refused = open_again(driver.path()).err().expect("refused");
    assert!(matches!(refused, Error::Locked { .. }));
    assert!(
        refused
            .to_string()
            .contains(&format!("pid {}", std::process::id())),
        "{refused}"
    );
    h.put("A", 1).await;
    h.store.close().await;
    open_again(driver.path()).expect("free").close().await;
}

#[tokio::test]
async fn a_log_whose_database_is_missing_or_empty_is_refused_and_kept() {
    let driver = Embedded::new();
    let h = harness(driver.clone()).await;
    h.put("A", 1).await;
    // The files that a killed process leaves, copied without one of them.
    let copy = tempfile::tempdir().expect("a folder");
    let log = copy.path().join("waybill.db-wal");
    std::fs::copy(driver.path().join("waybill.db-wal"), &log).expect("there is a log");
    let length = log.metadata().expect("it is there").len();
    assert!(length > 0);
    for database in [None, Some("waybill.db")] {
        if let Some(empty) = database {
            std::fs::write(copy.path().join(empty), "").expect("written");
        }
        let refused = open_again(copy.path()).err().expect("refused").to_string();
        assert!(refused.contains("would be lost"), "{refused}");
        assert_eq!(log.metadata().expect("it is there").len(), length);
    }
}

#[tokio::test]
async fn a_store_that_is_dropped_is_closed_before_its_folder_is_free() {
    let driver = Embedded::new();
    let h = harness(driver.clone()).await;
    h.put("A", 100).await;
    let order = h.make.order(&[("A", 1)]);
    let mut submitted = Box::pin(h.store.accept(vec![order.clone().into()]));
    let polled =
        std::future::poll_fn(|cx| std::task::Poll::Ready(submitted.as_mut().poll(cx))).await;
    drop(polled);
    drop(submitted);
    drop(h);
    assert!(!driver.path().join("waybill.db-wal").exists());
    let again = open_again(driver.path()).expect("free");
    assert_eq!(again.orders(vec![order.id]).await.unwrap().len(), 1);
    again.close().await;
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused_and_left_alone() {
    let driver = Embedded::new();
    harness(driver.clone()).await.store.close().await;
    driver
        .connection()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = open_again(driver.path()).err().expect("refused");
    assert!(
        matches!(refused, Error::NewerSchema { found: 99, .. }),
        "{refused}"
    );
    let refused = waybill_store::sqlite::open_for_verify(driver.path()).expect_err("refused");
    assert!(
        matches!(refused, Error::NewerSchema { found: 99, .. }),
        "{refused}"
    );
    driver
        .connection()
        .pragma_update(None, "user_version", waybill_store::migrations::known())
        .unwrap();
    open_again(driver.path())
        .expect("the lock was let go of")
        .close()
        .await;
}

#[tokio::test]
async fn a_store_of_schema_3_finds_by_tenant_once_it_is_opened() {
    let driver = Embedded::new();
    let mut h = harness(driver.clone()).await;
    h.write_plain_log().await;
    let order = h.sold("A", 5, 1).await;
    h.store.close().await;
    let former = "DROP INDEX events_of_tenant; DROP INDEX orders_of_tenant; DROP INDEX shipments_of_tenant; \
                  DROP TABLE inbox_sources; DROP TABLE inbox_generations; DROP TABLE inbox_watermarks; DROP TABLE inbox_held; DROP TABLE clients; DROP TABLE vendors; DROP TABLE vendor_syncs; DROP TABLE archived_orders; DROP TABLE archived_stock; DROP TABLE samples; DROP INDEX parked_of_order; DROP INDEX work_of_order; \
                  DROP INDEX order_lines_waiting; ALTER TABLE order_lines DROP COLUMN waits_in; \
                  ALTER TABLE order_lines DROP COLUMN given_up; ALTER TABLE stock DROP COLUMN shortfall; \
                  DROP INDEX reservations_agreed; ALTER TABLE order_lines DROP COLUMN sourced; \
                  ALTER TABLE reservations DROP COLUMN ending; ALTER TABLE reservations DROP COLUMN agreed_at; \
                  ALTER TABLE reservations DROP COLUMN uncertain; ALTER TABLE reservations DROP COLUMN reason; \
                  ALTER TABLE work DROP COLUMN unanswered; \
                  ALTER TABLE events DROP COLUMN event_count; ALTER TABLE events DROP COLUMN kinds; ALTER TABLE events DROP COLUMN packed; \
                  PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'body TEXT', 'body TEXT NOT NULL') WHERE name = 'events'; PRAGMA writable_schema = RESET; \
                  DROP INDEX parked_of_tenant; DROP TABLE command_claims; DROP TABLE discards; ALTER TABLE orders DROP COLUMN shipments; \
                  ALTER TABLE shipments DROP COLUMN correlation_id; ALTER TABLE shipments DROP COLUMN traceparent; \
                  CREATE INDEX events_of_order ON events (order_id, position); PRAGMA user_version = 3";
    driver.connection().execute_batch(former).unwrap();
    h.reopen().await;
    let filter = OrderFilter {
        limit: 9,
        ..OrderFilter::default()
    };
    let page = h.store.list_orders(&Tenant::default(), filter).await;
    assert_eq!(page.unwrap().items[0].order.id, order);
    assert!(h.findings().await.is_empty());
    h.store.close().await;
    assert!(driver.path().join("waybill.db.before-0004").exists());
}

#[tokio::test]
async fn orders_of_schema_6_get_the_copies_of_their_shipments() {
    let driver = Embedded::new();
    let mut h = harness(driver.clone()).await;
    h.write_plain_log().await;
    let former = "DROP TABLE inbox_sources; \
                  DROP TABLE inbox_generations; \
                  DROP TABLE inbox_watermarks; DROP TABLE inbox_held; DROP TABLE clients; DROP TABLE vendors; DROP TABLE vendor_syncs; DROP TABLE archived_orders; DROP TABLE archived_stock; DROP TABLE samples; DROP INDEX parked_of_order; DROP INDEX work_of_order; \
                  DROP INDEX order_lines_waiting; ALTER TABLE order_lines DROP COLUMN waits_in; \
                  ALTER TABLE order_lines DROP COLUMN given_up; ALTER TABLE stock DROP COLUMN shortfall; \
                  DROP INDEX reservations_agreed; ALTER TABLE order_lines DROP COLUMN sourced; \
                  ALTER TABLE reservations DROP COLUMN ending; ALTER TABLE reservations DROP COLUMN agreed_at; \
                  ALTER TABLE reservations DROP COLUMN uncertain; ALTER TABLE reservations DROP COLUMN reason; \
                  ALTER TABLE work DROP COLUMN unanswered; \
                  ALTER TABLE events DROP COLUMN event_count; ALTER TABLE events DROP COLUMN kinds; ALTER TABLE events DROP COLUMN packed; \
                  PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'body TEXT', 'body TEXT NOT NULL') WHERE name = 'events'; PRAGMA writable_schema = RESET; \
                  DROP INDEX parked_of_tenant; ALTER TABLE orders DROP COLUMN shipments; \
                  ALTER TABLE shipments DROP COLUMN correlation_id; ALTER TABLE shipments DROP COLUMN traceparent; \
                  PRAGMA user_version = 6";
    orders_of_schema_6_show_what_they_showed(h, async || {
        driver.connection().execute_batch(former).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_log_that_is_ahead_of_its_counter_is_refused() {
    let driver = Embedded::new();
    let h = harness(driver.clone()).await;
    h.sold("A", 5, 1).await;
    h.store.close().await;
    driver
        .connection()
        .execute("UPDATE counters SET value = 1 WHERE name = 'position'", [])
        .unwrap();
    let refused = open_again(driver.path()).err().expect("refused");
    assert!(matches!(refused, Error::DamagedRow { .. }), "{refused}");
}

#[test]
fn a_folder_without_a_store_is_told_to_the_verifier() {
    let folder = tempfile::tempdir().unwrap();
    let refused = waybill_store::sqlite::open_for_verify(folder.path()).expect_err("refused");
    assert!(refused.to_string().contains("no store"), "{refused}");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "looking leaves nothing behind"
    );
}

#[tokio::test]
async fn every_commit_is_synced_and_the_library_is_a_safe_one() {
    assert!(
        rusqlite::version_number() >= 3_051_003,
        "{}",
        rusqlite::version()
    );
    let driver = Embedded::new();
    let h = harness(driver.clone()).await;
    let mode: String = driver
        .connection()
        .query_row("PRAGMA journal_mode", [], |r| r.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    h.store.close().await;
    assert!(
        !driver.path().join("waybill.db-wal").exists(),
        "a closed store is one file"
    );
}

/// Writes until `stop` is set, with as many concurrent writes as intake has.
fn flood(h: &Harness, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<usize>> {
    let task = || {
        let (store, make, stop) = (h.store.clone(), h.make.clone(), stop.clone());
        tokio::spawn(async move {
            let mut batches = 0;
            while !stop.load(Ordering::SeqCst) {
                let batch = (0..20).map(|_| Arc::new(make.order(&[("A", 1)]))).collect();
                let results = store.accept(batch).await.expect("taken");
                assert!(
                    results
                        .iter()
                        .all(|r| matches!(r, Ok(Accepted::Created { .. })))
                );
                batches += 1;
            }
            batches
        })
    };
    (0..8).map(|_| task()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_does_not_starve_consumers_nor_they_intake() {
    let h = harness(Embedded::tuned(|o| o.background_share = 0.2)).await;
    h.put("A", 1_000_000_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let floods = flood(&h, &stop);
    let follow = async {
        let (lease, mut at) = h.lease("status").await;
        for _ in 0..100 {
            h.store
                .apply_batch(Harness::batch(&lease, at, at + 1))
                .await
                .expect("applied");
            at += 1;
        }
    };
    tokio::time::timeout(HANGS, follow)
        .await
        .expect("consumers were starved");
    stop.store(true, Ordering::SeqCst);
    for flood in floods {
        assert!(flood.await.unwrap() > 0, "intake was starved");
    }
    h.store.close().await;
}

fn small_wal(options: &mut Options) {
    (options.checkpoint_pages, options.wal_limit_bytes) = (50, 1 << 20);
}

async fn write_much(h: &Harness, batches: usize) -> u64 {
    let mut highest = 0;
    for _ in 0..batches {
        h.accept((0..20).map(|_| h.make.order(&[("A", 1)])).collect())
            .await;
        highest = highest.max(h.store.stats().await.expect("read").wal_bytes);
    }
    highest
}

#[tokio::test]
async fn the_write_ahead_log_stays_small_while_readers_come_and_go() {
    let h = harness(Embedded::tuned(small_wal)).await;
    h.put("A", 1_000_000).await;
    let highest = write_much(&h, 150).await;
    assert!((1..2 << 20).contains(&highest), "{highest} bytes");
    h.store.close().await;
}

#[tokio::test]
async fn a_strangers_snapshot_neither_stops_the_writer_nor_keeps_the_log_long_for_good() {
    let driver = Embedded::tuned(small_wal);
    let h = harness(driver.clone()).await;
    h.put("A", 1_000_000).await;
    let stranger = driver.connection();
    stranger
        .execute_batch("BEGIN; SELECT COUNT(*) FROM orders;")
        .unwrap();
    // Waiting for the snapshot once would take the busy timeout, 5 s; an earlier version waited at every commit.
    let grown = tokio::time::timeout(HANGS, write_much(&h, 150))
        .await
        .expect("the writer waited for a stranger");
    assert!(grown > 1 << 20, "the snapshot holds it: {grown} bytes");
    stranger.execute_batch("COMMIT").unwrap();
    write_much(&h, 30).await;
    let after = h.store.stats().await.expect("read").wal_bytes;
    assert!(after < grown / 2, "{after} bytes after {grown}");
    h.store.close().await;
    assert_eq!(h.findings().await, [""; 0]);
}

#[tokio::test]
async fn reading_a_row_that_cannot_be_is_an_error_and_not_the_end() {
    let driver = Embedded::new();
    let h = harness(driver.clone()).await;
    let id = h.sold("A", 5, 1).await;
    let other = h.created(h.make.order(&[("A", 1)])).await;
    let connection = driver.connection();
    connection
        .pragma_update(None, "ignore_check_constraints", true)
        .unwrap();
    connection
        .execute(
            "UPDATE orders SET status = 'lost in thought' WHERE id = ?1",
            [id.bytes()],
        )
        .unwrap();
    let by = |id| waybill_store::OrderRef::Id(id);
    let tenant = Tenant::default();
    assert!(matches!(
        h.store.order(&tenant, by(id)).await,
        Err(Error::DamagedRow { .. })
    ));
    assert!(h.store.order(&tenant, by(other)).await.unwrap().is_some());
    h.store.close().await;
}

#[tokio::test]
async fn jobs_beyond_the_queue_are_refused_at_once_and_lose_nothing() {
    let h = harness(Embedded::tuned(|o| o.writer_queue = 4)).await;
    h.put("A", 1_000).await;
    let mut waiting: Vec<_> = (0..200)
        .map(|_| Box::pin(h.store.accept(vec![h.make.order(&[("A", 1)]).into()])))
        .collect();
    let (mut taken, mut refused) = (0, 0);
    let mut count = |result: Result<Vec<Result<Accepted>>>| match result {
        Ok(_) => taken += 1,
        Err(Error::Busy { .. }) => refused += 1,
        Err(other) => panic!("{other}"),
    };
    let mut open = vec![];
    for mut job in waiting.drain(..) {
        match std::future::poll_fn(|cx| std::task::Poll::Ready(job.as_mut().poll(cx))).await {
            std::task::Poll::Ready(result) => count(result),
            std::task::Poll::Pending => open.push(job),
        }
    }
    for job in open {
        count(job.await);
    }
    assert_eq!(taken + refused, 200);
    assert_eq!(
        h.level("A").await.reserved,
        taken,
        "what was refused left nothing"
    );
    h.store.close().await;
}

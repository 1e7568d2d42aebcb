//! A snapshot is held for a long time, as by a backup, a report or a replica with feedback. Meanwhile VACUUM removes no
//! version of a row, and a look-up must not read all of them.

use super::driver::{Shared, Way};
use tokio_postgres::NoTls;
use waybill_store::conformance::Harness;

/// Pages of `stock` and of its index that were read, by the server's counters, which connections report when they end.
fn looked_at(driver: &Shared) -> i64 {
    let counted = driver.sql(
        "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit FROM pg_statio_user_tables WHERE relname = 'stock'",
    );
    counted.trim().parse().expect("a number")
}

/// Pages that `sales` sales of one unit each read.
async fn pages(driver: &Shared, h: &mut Harness, sales: usize) -> i64 {
    // A connection reports its counters when it ends.
    h.reopen().await;
    let before = looked_at(driver);
    for _ in 0..sales {
        h.created(h.make.order(&[("A", 1)])).await;
    }
    h.reopen().await;
    looked_at(driver) - before
}

#[expect(clippy::disallowed_methods, reason = "a connection of the test's own")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_snapshot_makes_no_look_up_read_all_versions_of_a_stock_row() {
    let Some(driver) = Shared::new(Way::Direct, 1).await else {
        return;
    };
    let mut h = Harness::open(driver.clone(), super::seed()).await;
    h.put("A", 100_000).await;
    let (holder, connection) = tokio_postgres::connect(&driver.options().url, NoTls)
        .await
        .expect("connects");
    let connection = tokio::spawn(connection);
    holder
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stock;")
        .await
        .expect("a snapshot is held");
    let early = pages(&driver, &mut h, 100).await;
    let many = pages(&driver, &mut h, 1_500).await;
    let late = pages(&driver, &mut h, 100).await;
    drop(holder);
    connection.await.expect("ends").expect("without an error");
    // Reading every version would take ten times as many pages.
    assert!(
        late < early * 3,
        "100 sales looked at {early} pages, 1,500 more at {many}, 100 after them at {late}"
    );
    assert_eq!(h.level("A").await.reserved, 1_700);
    assert!(h.findings().await.is_empty());
}

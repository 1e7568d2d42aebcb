//! Somebody holds a snapshot for long: a backup, a report, a replica that tells what it still reads. No version of a
//! row is cleared away meanwhile, and nobody may have to go through all of them.

use super::driver::{Shared, Way};
use tokio_postgres::NoTls;
use waybill_store::conformance::Harness;

/// Pages of `stock` and of its index that were looked at, as the server counts them once connections end.
fn looked_at(driver: &Shared) -> i64 {
    let counted = driver.sql(
        "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit FROM pg_statio_user_tables WHERE relname = 'stock'",
    );
    counted.trim().parse().expect("a number")
}

/// Pages that so many sales of a unit each look at.
async fn pages(driver: &Shared, h: &mut Harness, sales: usize) -> i64 {
    // Who ends his connection has told what he did.
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
async fn a_held_snapshot_lets_nobody_go_through_all_versions_of_a_stock_row() {
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
    // Through all of them it would be ten times as many.
    assert!(
        late < early * 3,
        "100 sales looked at {early} pages, 1,500 more at {many}, 100 after them at {late}"
    );
    assert_eq!(h.level("A").await.reserved, 1_700);
    assert!(h.findings().await.is_empty());
}

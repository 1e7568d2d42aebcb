//! Stock from which nothing is newly reserved is locked by the flush that writes it, so that intake does not wait while the
//! rest is written.

use std::time::Duration;

use super::driver::{Shared, Way};
use tokio_postgres::NoTls;
use waybill_domain::command::Command;
use waybill_domain::fact::Fact;
use waybill_store::conformance::Harness;

/// A timeout that only a hanging test reaches.
const HANGS: Duration = Duration::from_secs(60);

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[expect(clippy::disallowed_methods, reason = "a connection of the test's own")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_is_free_while_a_cancellation_is_written_and_may_change_meanwhile() {
    let Some(driver) = Shared::new(Way::Direct, 1).await else {
        return;
    };
    let h = Harness::open(driver.clone(), super::seed()).await;
    let id = h.sold("A", 9, 4).await;
    h.done(id, &Command::Cancel { reason: None }).await;
    let agreed = h.fact(&h.order(id).await, &Fact::CancelAgreed);
    let cancelled = agreed.expect("it gives the units back");
    let (other, connection) = tokio_postgres::connect(&driver.options().url, NoTls)
        .await
        .expect("connects");
    tokio::spawn(connection);
    let run = async |sql| other.batch_execute(sql).await.expect("it runs");
    // The cancellation is written up to its row here, which stands before its stock.
    run("BEGIN; LOCK TABLE order_counts IN SHARE MODE").await;
    let meanwhile = async {
        while driver.sql(WAITING).trim() != "1" {
            tokio::task::yield_now().await;
        }
        run("SELECT 1 FROM stock FOR UPDATE NOWAIT").await;
        // The row moves on, past the end of its run.
        for _ in 0..70 {
            run("UPDATE stock SET writes = writes + 1").await;
        }
        run("COMMIT").await;
    };
    let (written, ()) = tokio::time::timeout(HANGS, async {
        tokio::join!(h.write_changes(vec![cancelled]), meanwhile)
    })
    .await
    .expect("neither waits for ever");
    assert!(written[0].is_ok(), "{:?}", written[0]);
    let level = h.level("A").await;
    assert_eq!((level.on_hand, level.reserved), (9, 0));
    assert!(h.findings().await.is_empty());
}

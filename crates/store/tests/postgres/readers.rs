//! Reads on one snapshot whose callers go away.

use super::driver::{Shared, Way};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::NoTls;
use waybill_domain::text::Tenant;
use waybill_store::Positions;
use waybill_store::conformance::Harness;

/// A timeout that only a hanging test reaches.
const HANGS: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The session that waits for a lock; empty while none does.
const WAITING: &str = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[expect(clippy::disallowed_methods, reason = "a connection of the test's own")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_whose_caller_has_gone_gives_its_connection_back() {
    let Some(driver) = Shared::new(Way::Direct, 1).await else {
        return;
    };
    let h = Harness::open(driver.clone(), super::seed()).await;
    let store = h.store.clone();
    let (client, connection) = tokio_postgres::connect(&driver.options().url, NoTls)
        .await
        .expect("connects");
    tokio::spawn(connection);
    let lock = "BEGIN; LOCK TABLE events";
    client.batch_execute(lock).await.expect("it is free");
    let feed = async move {
        let from = Positions::beginning(1);
        store.feed(&Tenant::default(), from, 10).await
    };
    let reading = tokio::spawn(feed);
    let pid = tokio::time::timeout(HANGS, waiting(&driver)).await;
    let pid = pid.expect("the reader waits for the table");
    // The caller hangs up in the middle of its transaction.
    reading.abort();
    assert!(reading.await.expect_err("it is gone").is_cancelled());
    client.batch_execute("COMMIT").await.expect("it ends");
    let state = format!("SELECT state FROM pg_stat_activity WHERE pid = {pid}");
    let idle = async {
        loop {
            match driver.sql(&state).trim() {
                "idle" => return,
                "" => panic!("its connection was closed"),
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    };
    let idle = tokio::time::timeout(HANGS, idle).await;
    idle.expect("its transaction is rolled back");
}

async fn waiting(driver: &Arc<Shared>) -> String {
    loop {
        let pid = driver.sql(WAITING).trim().to_owned();
        if !pid.is_empty() {
            return pid;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

//! The queue in front of reads, tested with reads that wait for a locked table.

use std::time::Duration;

use futures::future::select_all;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use waybill_testkit::http::{Answer, Failure};
use waybill_testkit::postgres::Postgres;
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::or_skip_all;

use crate::shop::{Shop, id, small};

/// Of the settings below: reads of one tenant at once, and those that may wait.
const AT_ONCE: usize = 2;
const WAITING: usize = 2;

/// Longer than anything here takes; only a test that hangs meets it.
const HANGS: Duration = Duration::from_secs(60);

type Asked = JoinHandle<Result<Answer, Failure>>;

async fn shop() -> Shop {
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .env("WAYBILL_READS__AT_ONCE", (AT_ONCE + 1).to_string())
        .env("WAYBILL_READS__TENANT_QUEUE_LIMIT", WAITING.to_string())
        .env("WAYBILL_READS__WAIT_MS", "10m")
        .env("WAYBILL_SERVER__REQUEST_TIMEOUT_MS", "10m")
        .env("WAYBILL_CONSUMERS__LEASE_MS", "20m")
        .env("WAYBILL_STORE__LOCK_TIMEOUT_MS", "10m")
        .env("WAYBILL_STORE__STATEMENT_TIMEOUT_MS", "10m");
    Shop::start(start).await
}

fn ask(shop: &Shop, tenant: &str, path: String) -> Asked {
    let mut client = shop.client(tenant, "admin");
    tokio::spawn(async move { client.get(&path).await })
}

/// Waits until so many statements of the server wait for a lock.
async fn blocked(shop: &Shop, count: usize) {
    let database = shop.0.database().expect("a database of its own");
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = 'Lock' \
         AND query LIKE '%shipments::by_id%'",
        database.name()
    );
    while database.sql(&sql).expect("asked").trim() != count.to_string() {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the next caller of a tenant is not refused any more. It waits then, and goes away too.
async fn has_a_place(shop: &Shop, path: &str) {
    loop {
        let mut asked = ask(shop, "loud", path.to_owned());
        let refused = timeout(Duration::from_millis(100), &mut asked).await;
        asked.abort();
        if refused.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_its_tenant_alone_and_who_hangs_up_leaves_it() {
    let shop = shop().await;
    let database = shop.0.database().expect("a database of its own");
    let quiet = id(&shop.placed("k", &small("A", 1)).await);
    let unknown = "0198c0de-0000-7000-8000-000000000001";
    let path = format!("/v1/shipments/{unknown}");
    let server = or_skip_all(Postgres::shared());
    let lock = "BEGIN; LOCK TABLE shipments IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600);";
    let (url, name) = (database.url(), database.name().to_owned());
    let holder = std::thread::spawn(move || {
        let psql = std::process::Command::new("psql")
            .args([&url, "-c", lock])
            .output();
        psql.expect("psql runs")
    });
    let locked = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 'shipments' AND l.mode = 'AccessExclusiveLock' AND l.granted".to_owned();
    while database.sql(&locked).expect("asked").trim() != "1" {
        sleep(Duration::from_millis(10)).await;
    }

    let mut running: Vec<Asked> = vec![];
    for _ in 0..AT_ONCE {
        running.push(ask(&shop, "loud", path.clone()));
    }
    blocked(&shop, AT_ONCE).await;
    // One more than may wait: the one that is refused says that the others do.
    let waiting = (0..=WAITING).map(|_| ask(&shop, "loud", path.clone()));
    let (refused, _, waiting) = select_all(waiting).await;
    let refused = refused.expect("no panic").expect("an answer");
    let problem: Value = refused.json();
    assert_eq!(
        (refused.status.as_u16(), problem["code"].as_str()),
        (503, Some("unavailable"))
    );
    assert!(refused.header("retry-after").is_some());
    // Another tenant finds a slot, in the same database.
    let stock = shop.get("/v1/stock").await;
    assert_eq!(stock.status, 200);
    let events = shop.get(&format!("/v1/orders/{quiet}/events")).await;
    assert_eq!(events.status, 200);

    for asked in waiting {
        asked.abort();
    }
    let left = timeout(HANGS, has_a_place(&shop, &path)).await;
    left.expect("who hung up is not waited for");
    blocked(&shop, AT_ONCE).await;
    let ended = format!("datname = '{name}' AND query LIKE '%pg_sleep(600)%'");
    server
        .terminate_backends(&ended)
        .expect("the lock is let go of");
    for asked in running {
        let answer = asked.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status, 404);
    }
    holder.join().expect("psql has ended");
}

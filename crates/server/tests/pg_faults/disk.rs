//! The disk under the database is full, or fails: for the tables, for the write-ahead log.

use std::time::Duration;

use rand::RngExt;
use waybill_testkit::checker::Enough;
use waybill_testkit::postgres::{Postgres, ServerOptions};
use waybill_testkit::shim::{Space, Target};
use waybill_testkit::siege::Siege;
use waybill_testkit::unavailable::or_skip;

use crate::bystander::Bystander;
use crate::fleet::{siege, until};

const READY_WITHIN: Duration = Duration::from_secs(30);

/// A green run must also have no answer 500 and no deadlock.
async fn is_green(siege: Siege, server: &Postgres, enough: Enough) {
    let statuses = siege.traffic.statuses();
    println!("answers: {statuses:?}");
    assert!(!statuses.contains_key(&500), "{}", siege.fleet.output());
    let verdict = siege.judged(enough).await;
    assert!(verdict.is_green(), "{verdict}");
    assert_eq!(server.deadlocks(), Vec::<String>::new());
}

/// An order is refused and says why, as soon as it finds no room in a page that is there; so does the health of the
/// process, and what is stored can be read.
async fn refuses_and_reads(bystander: &mut Bystander, round: u32) {
    let (mut told, mut again) = (None, None);
    for number in 0..500 {
        let answer = bystander.orders(&format!("round-{round}-{number}")).await;
        if answer.status == 507 {
            again = answer.header("retry-after").map(str::to_owned);
            told = Some(answer.json::<serde_json::Value>());
            break;
        }
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    let told = told.expect("there is room for 500 orders on a full disk");
    assert_eq!(told["code"], "insufficient_storage", "{told}");
    assert!(again.is_some(), "it says when to try again");
    let health: serde_json::Value = bystander.gets("/health").await.json();
    assert_eq!(health["services"]["database"], "read-only", "{health}");
    assert_eq!(health["reason"], "the disk is full", "{health}");
    for path in [
        "/health/ready?for=reads",
        "/v1/orders?limit=1",
        "/v1/stock?sku=SHELF",
    ] {
        let read = bystander.gets(path).await;
        assert_eq!(read.status, 200, "{path}: {}", read.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_cannot_grow_are_answered_with_507_and_orders_go_on_when_there_is_room() {
    let options = ServerOptions::default().on_test_disk();
    let Some(server) = or_skip(Postgres::start(options)) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut siege = siege(&database.url()).await;
    let mut bystander = Bystander::at(siege.fleet.doors()[0]).await;
    let disk = server.disk().expect("it is on one");
    disk.target(Target::Main);
    for round in 0..6 {
        siege.progress(50).await.expect("orders go on");
        siege.let_it_work(0..300).await.expect("orders go on");
        let space = match round % 2 {
            0 => Space::NoGrowth,
            // Room for several pages, so that the disk is full in the middle of a transaction.
            _ => Space::Bytes(siege.rng.random_range(8_192..200_000)),
        };
        let what = format!("tables have {space:?}");
        siege.strikes(what).await.expect("journal");
        let (hits, told) = (disk.no_space_hits(), siege.traffic.answers_with(507));
        disk.space(space);
        until("a table without room", || disk.no_space_hits() > hits + 20).await;
        until("clients get that answer", || {
            siege.traffic.answers_with(507) > told + 5
        })
        .await;
        refuses_and_reads(&mut bystander, round).await;
        disk.space(Space::Enough);
        siege.recovers(READY_WITHIN).await;
    }
    siege.progress(50).await.expect("orders go on");
    println!("{} writes found no room", disk.no_space_hits());
    let enough = Enough {
        orders: 150,
        faults: 2,
    };
    is_green(siege, &server, enough).await;
}

/// The log of a database that cannot write it on: PostgreSQL ends all its processes, and what was not committed
/// with them. While there is no room it cannot recover either; the test starts it again, as a supervisor would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_grow_loses_no_acknowledged_order_and_orders_go_on_when_there_is_room() {
    let options = ServerOptions::default().on_test_disk();
    let Some(mut server) = or_skip(Postgres::start(options)) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut siege = siege(&database.url()).await;
    server.disk().expect("it is on one").target(Target::Wal);
    let mut away = 0;
    for round in 0..6 {
        siege.progress(50).await.expect("orders go on");
        siege.let_it_work(0..300).await.expect("orders go on");
        let space = match round % 3 {
            0 => Space::NoGrowth,
            1 => Space::Bytes(siege.rng.random_range(8_192..1_000_000)),
            _ => Space::NoWrite,
        };
        let what = format!("the log has {space:?}");
        siege.strikes(what).await.expect("journal");
        let disk = server.disk().expect("it is on one");
        let hits = disk.no_space_hits();
        disk.space(space);
        // What is left of the segments that are there is used up at once.
        let switch = || drop(database.sql("SELECT pg_switch_wal()"));
        until("a log without room", || {
            tokio::task::block_in_place(switch);
            disk.no_space_hits() > hits
        })
        .await;
        let pause = siege.rng.random_range(0..1_000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        server.disk().expect("it is on one").space(Space::Enough);
        away += usize::from(comes_back(&mut server).await);
        siege.recovers(READY_WITHIN).await;
    }
    siege.progress(50).await.expect("orders go on");
    println!("{away} times the server had ended");
    let enough = Enough {
        orders: 150,
        faults: 2,
    };
    is_green(siege, &server, enough).await;
}

/// Waits until the server answers, and starts it again when it ends instead; whether that was so.
async fn comes_back(server: &mut Postgres) -> bool {
    let mut ended = false;
    until("a database that answers", || {
        tokio::task::block_in_place(|| {
            if !server.is_running().expect("it is ours") {
                ended = true;
                server.start_again().expect("there is room again");
            }
            server.sql("postgres", "SELECT 1").is_ok()
        })
    })
    .await;
    ended
}

/// PostgreSQL takes no failed sync of its log for granted either: it ends all its processes and recovers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_of_the_log_loses_no_acknowledged_order() {
    let options = ServerOptions::default().on_test_disk();
    let Some(mut server) = or_skip(Postgres::start(options)) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut siege = siege(&database.url()).await;
    server.disk().expect("it is on one").target(Target::Wal);
    for _ in 0..8 {
        siege.progress(50).await.expect("orders go on");
        siege.let_it_work(0..300).await.expect("orders go on");
        siege
            .strikes("a sync of the log fails")
            .await
            .expect("journal");
        let disk = server.disk().expect("it is on one");
        let failures = disk.sync_failures();
        disk.fail_sync(siege.rng.random_range(1..20));
        until("a failed sync", || disk.sync_failures() > failures).await;
        assert!(!comes_back(&mut server).await, "it recovers by itself");
        siege.recovers(READY_WITHIN).await;
    }
    siege.progress(50).await.expect("orders go on");
    let enough = Enough {
        orders: 150,
        faults: 2,
    };
    is_green(siege, &server, enough).await;
}

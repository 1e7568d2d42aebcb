//! A primary with a synchronous standby: the one is lost and the other takes its place; and a commit whose wait for
//! the standby is cancelled.

use std::time::{Duration, Instant};

use serde_json::json;
use waybill_testkit::checker::Enough;
use waybill_testkit::http::Answer;
use waybill_testkit::postgres::{Mode, Postgres, ServerOptions};
use waybill_testkit::seed;
use waybill_testkit::server::{Fleet, Start, Waybill};
use waybill_testkit::siege::Siege;
use waybill_testkit::traffic::Load;
use waybill_testkit::unavailable::or_skip;

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");
const WITHIN: Duration = Duration::from_secs(30);

fn pair() -> Option<(Postgres, Postgres)> {
    let primary = or_skip(Postgres::start(ServerOptions::default()))?;
    let standby = or_skip(Postgres::standby_of(&primary))?;
    Some((primary, standby))
}

fn start(url: &str, roles: &str) -> Start {
    Start::serve(WAYBILL, roles)
        .on(url)
        .delivering_within_ms("0-300")
        .env("WAYBILL_LOG__LEVEL", "warn")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_primary_is_replaced_by_its_standby_and_no_acknowledged_order_is_lost() {
    let Some((mut primary, standby)) = pair() else {
        return;
    };
    let database = primary.database(None).expect("a database");
    let url = primary.url_with(&standby, database.name()).expect("both");
    let fleet = Fleet::ready(2, 2, |_, roles| start(&url, roles)).await;
    let load = Load {
        clients: 24,
        pause_ms: 20,
        orders: 6_000,
    };
    let siege = Siege::lay(fleet.expect("it starts"), seed::of_this_run(), load).await;
    let mut siege = siege.expect("orders come");
    siege.progress(500).await.expect("orders go on");
    siege.kill(2).await.expect("a worker ran");
    siege.let_it_work(0..500).await.expect("orders go on");

    siege.strikes("primary killed").await.expect("journal");
    let began = Instant::now();
    tokio::task::block_in_place(|| primary.stop(Mode::Killed).expect("it ran"));
    let promoted = tokio::task::block_in_place(|| standby.promote().expect("promoted"));
    siege.progress(1).await.expect("orders go on");
    println!(
        "intake paused for {:?}, of which the promotion took {promoted:?}",
        began.elapsed()
    );
    siege.progress(300).await.expect("orders go on");
    siege.kill(0).await.expect("an api ran");
    for member in [0, 2] {
        siege.fleet.members[member].app.begin().expect("it starts");
    }
    siege.recovers(WITHIN).await;
    let enough = Enough {
        orders: 500,
        faults: 2,
    };
    let verdict = siege.judged(enough).await;
    assert!(verdict.is_green(), "{verdict}");
    assert_eq!(standby.deadlocks(), Vec::<String>::new());
}

async fn place(app: &Waybill, key: &str) -> Answer {
    let order =
        json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1, "unitPrice": "1.00"}]});
    app.place(key, &order).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_wait_for_the_standby_acknowledges_nothing() {
    let Some((primary, mut standby)) = pair() else {
        return;
    };
    let database = primary.database(None).expect("a database");
    let mut app = start(&database.url(), "api").prepared().expect("a folder");
    app.migrate().await.expect("a schema");
    app.start().await.expect("it starts");
    assert_eq!(place(&app, "before").await.status, 201);
    let named = format!("{}?application_name=other", database.url());
    let mut other = start(&named, "api").prepared().expect("a folder");
    other.start().await.expect("it starts");

    tokio::task::block_in_place(|| standby.stop(Mode::Immediate).expect("it ran"));
    let cancelled = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        while primary
            .cancel_backends("wait_event = 'SyncRep'")
            .expect("it answers")
            == 0
        {
            assert!(began.elapsed() < WITHIN, "it never waited");
        }
        primary
    });
    let answer = place(&app, "cancelled").await;
    let primary = cancelled.await.expect("something waited");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(
        answer.text().contains("outcome_unknown"),
        "{}",
        answer.text()
    );
    assert!(!app.is_ready().await, "ready without its standby");
    // Committed here and nowhere else: a replay would acknowledge it.
    let again = place(&app, "cancelled").await;
    assert_eq!(again.status, 503, "{}", again.text());
    // Another process finds the order, and waits for the standby before it acknowledges it.
    let elsewhere = tokio::spawn(async move { place(&other, "cancelled").await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'other'";
    let began = Instant::now();
    while tokio::task::block_in_place(|| primary.sql("postgres", waits).expect("it answers")) == "0"
    {
        assert!(
            !elsewhere.is_finished() && began.elapsed() < WITHIN,
            "it did not wait for the standby"
        );
    }

    tokio::task::block_in_place(|| standby.start_again().expect("it follows again"));
    let elsewhere = elsewhere.await.expect("it does not panic");
    assert!(elsewhere.status.is_success(), "{}", elsewhere.text());
    app.ready_again(WITHIN)
        .await
        .expect("ready with its standby");
    let known = place(&app, "cancelled").await;
    assert!(known.status.is_success(), "{}", known.text());
    // It is there where it will be looked for when the primary is lost.
    drop(app);
    let id = known.json::<serde_json::Value>()["id"].clone();
    let mut primary = primary;
    tokio::task::block_in_place(|| {
        primary.stop(Mode::Killed).expect("it ran");
        standby.promote().expect("promoted");
        let there = format!(
            "SELECT count(*) FROM orders WHERE id = '{}'",
            id.as_str().expect("an id")
        );
        assert_eq!(
            standby.sql(database.name(), &there).expect("it answers"),
            "1"
        );
    });
}

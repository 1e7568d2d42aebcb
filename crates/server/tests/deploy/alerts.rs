//! Each alert's fault, produced on the real binary: its metric passes the rule's threshold, and comes back where
//! the fault goes away. Thresholds are read from the rules, so the two cannot drift. How long a rule waits (`for`)
//! and how Prometheus adds up several processes is not tried here.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

use super::WAYBILL;
use super::rules::named;
use super::scrape::{Scrape, until};

/// Older than any threshold in seconds.
const LONG_AGO_S: i64 = 7_200;

fn demo() -> Start {
    Start::demo(WAYBILL).delivering_within_ms("0-50")
}

/// Starts it, for the first time or again, with a settings file of this text.
async fn start(app: &mut Waybill, settings: &str) {
    let file = app.home().join("waybill.toml");
    std::fs::write(file, settings).expect("written");
    app.start().await.expect("ready");
}

const API: &str = "roles = [\"api\"]";

async fn with_settings(settings: &str) -> Waybill {
    let mut app = demo().prepared().expect("a folder");
    start(&mut app, settings).await;
    app
}

fn order() -> Value {
    json!({"currency": "EUR", "lines": [{"sku": "MUG-1", "quantity": 1, "unitPrice": "1.00"}]})
}

/// Places this many orders, which are confirmed at once; the last one's id.
async fn placed(app: &Waybill, orders: usize) -> String {
    app.seed("MUG-1", 100_000).await.expect("counted");
    let mut id = String::new();
    for n in 0..orders {
        let answer = app.place(&format!("key-{n}"), &order()).await;
        let answer = answer.expect("it answers");
        assert_eq!(answer.status, 201, "{}", answer.text());
        id = answer.json::<Value>()["id"].as_str().expect("an id").into();
    }
    id
}

/// Places many orders at once.
async fn crowd(app: &Waybill, orders: usize) {
    let mut load = app.command("load");
    load.arg("--url").arg(format!("http://{}", app.address()));
    load.args(["--token", &token::demo_for("default", "crowd")]);
    load.args(["--connections", "32", "--orders", &orders.to_string()]);
    let output = load.output().await.expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

/// Changes the store of a server that does not run.
fn tamper(app: &Waybill, sql: &str) {
    let db = rusqlite::Connection::open(app.data().join("waybill.db")).expect("it is SQLite");
    let changed = db.execute(sql, []).expect("the statement is right");
    assert!(changed > 0, "nothing to change: {sql}");
}

async fn stop(app: &mut Waybill) {
    let status = app.stop().await.expect("it stops");
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_killed_process_is_down() {
    let rule = named("WaybillDown");
    let mut app = demo().ready().await.expect("ready");
    let up = |answered: bool| f64::from(u8::from(answered));
    let answers = app.client().get("/metrics").await.is_ok();
    assert!(!rule.is_crossed_by(up(answers)));
    assert!(healthy(&app, &[]).await && healthy(&app, &["--live"]).await);
    app.kill().await.expect("killed");
    let answers = app.client().get("/metrics").await.is_ok();
    assert!(rule.is_crossed_by(up(answers)));
    assert!(!healthy(&app, &["--live"]).await);
}

/// What the health check of the image would find.
async fn healthy(app: &Waybill, flags: &[&str]) -> bool {
    let mut health = app.command("health");
    health.arg("--url").arg(format!("http://{}", app.address()));
    let output = health.args(flags).output().await.expect("it runs");
    output.status.success()
}

#[tokio::test]
async fn a_failing_inventory_makes_errors_and_opens_its_breaker() {
    let (errors, open) = (named("WaybillErrors"), named("WaybillBreakerOpen"));
    let app = demo().env("INVENTORY_FAILURE_RATE", "100").ready().await;
    let app = app.expect("ready");
    let is_open = |scrape: &Scrape| scrape.one("waybill_inventory_breaker_state", "name=\"open\"");
    let ratio = |scrape: &Scrape| {
        scrape.sum("waybill_http_requests_total", "status=\"5")
            / scrape.sum("waybill_http_requests_total", "")
    };
    let before = Scrape::settled(&app).await;
    assert!(!errors.is_crossed_by(ratio(&before)) && !open.is_crossed_by(is_open(&before)));
    for _ in 0..10 {
        let order = r#"{"customerId":"c","items":[{"productId":"p","quantity":1,"price":1}]}"#;
        let order = Bytes::from_static(order.as_bytes());
        let answer = app
            .client()
            .send(Method::POST, "/api/orders", &[], order)
            .await;
        assert_eq!(answer.expect("it answers").status, 503);
    }
    let after = Scrape::of(&app).await;
    assert!(errors.is_crossed_by(ratio(&after)), "{}", ratio(&after));
    assert!(open.is_crossed_by(is_open(&after)));
}

#[tokio::test]
async fn a_backlog_is_lag_in_seconds_until_it_is_worked_off() {
    let rule = named("WaybillConsumerLag");
    let lag = |scrape: &Scrape| {
        let lags = scrape.all("waybill_consumer_lag_seconds", "name=\"delivery\"");
        lags.into_iter().fold(0.0, f64::max)
    };
    let mut app = with_settings(API).await;
    crowd(&app, 2_000).await;
    stop(&mut app).await;
    let sql = format!("UPDATE events SET recorded_at = recorded_at - {LONG_AGO_S}000000");
    tamper(&app, &sql);
    // One event a transaction, so that the backlog lasts for some looks.
    let one_by_one = "roles = [\"api\", \"delivery\", \"status\"]\n[delivery]\nbatch_limit = 1\n";
    start(&mut app, one_by_one).await;
    let behind = until("the lag", &app, |scrape| rule.is_crossed_by(lag(scrape))).await;
    let seconds = lag(&behind);
    let age = LONG_AGO_S as f64;
    assert!((age..age + 120.0).contains(&seconds), "{seconds} s");
    until("its end", &app, |scrape| lag(scrape) == 0.0).await;
}

#[tokio::test]
async fn no_consumer_has_lag_once_everything_is_delivered() {
    let rule = named("WaybillConsumerLag");
    let mut app = demo().ready().await.expect("ready");
    placed(&app, 20).await;
    let all_delivered = |scrape: &Scrape| {
        let lags = scrape.all("waybill_consumer_lag_seconds", "");
        scrape.one("waybill_orders", "name=\"delivered\"") == 20.0
            && lags.into_iter().all(|lag| lag == 0.0)
    };
    until("every delivery", &app, all_delivered).await;
    // The same after a restart on an old log, with other roles beside the consumers.
    stop(&mut app).await;
    let sql = format!("UPDATE events SET recorded_at = recorded_at - {LONG_AGO_S}000000");
    tamper(&app, &sql);
    start(&mut app, "").await;
    until("the end of the old log", &app, |scrape| {
        let lags = scrape.all("waybill_consumer_lag_seconds", "");
        lags.len() >= 2 && lags.into_iter().all(|lag| !rule.is_crossed_by(lag))
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_no_process_runs_is_missing() {
    let rule = named("WaybillConsumerMissing");
    let running = |scrape: &Scrape| {
        let of = |name| scrape.all("waybill_consumer_lag_seconds", name).len() as f64;
        of("name=\"delivery\"") + of("name=\"status\"")
    };
    let app = demo().ready().await.expect("ready");
    until("both consumers", &app, |scrape| {
        !rule.is_crossed_by(running(scrape))
    })
    .await;
    for roles in [API, "roles = [\"api\", \"delivery\"]"] {
        let app = with_settings(roles).await;
        placed(&app, 1).await;
        let scrape = Scrape::of(&app).await;
        assert!(rule.is_crossed_by(running(&scrape)), "{roles}");
    }
}

#[tokio::test]
async fn an_order_that_is_not_delivered_grows_old_and_is_named() {
    let rule = named("WaybillOldestUnfinishedOrder");
    let age = |scrape: &Scrape| scrape.one("waybill_oldest_unfinished_order_seconds", "");
    let mut app = with_settings("roles = [\"api\", \"housekeeping\"]").await;
    let id = placed(&app, 1).await;
    assert!(!rule.is_crossed_by(age(&Scrape::of(&app).await)));
    stop(&mut app).await;
    let sql = format!("UPDATE orders SET updated_at = updated_at - {LONG_AGO_S}000000");
    tamper(&app, &sql);
    app.start().await.expect("it comes back");
    let old = until("the age", &app, |scrape| rule.is_crossed_by(age(scrape))).await;
    let expected = LONG_AGO_S as f64;
    assert!((expected..expected + 120.0).contains(&age(&old)));
    assert!(app.output().contains(&id), "{}", app.output());
    stop(&mut app).await;
    start(&mut app, "").await;
    until("its end", &app, |scrape| {
        scrape.one("waybill_orders", "name=\"delivered\"") == 1.0 && age(scrape) == 0.0
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_becomes_a_dead_letter_and_other_orders_go_on() {
    let rule = named("WaybillDeadLetters");
    let dead = |scrape: &Scrape| scrape.one("waybill_dead_letters", "");
    let mut app = demo().prepared().expect("a folder");
    let migrated = app.migrate_with_plain_log().await;
    migrated.expect("it is migrated");
    start(&mut app, API).await;
    let id = placed(&app, 3).await;
    assert!(!rule.is_crossed_by(dead(&Scrape::of(&app).await)));
    stop(&mut app).await;
    tamper(
        &app,
        &format!(
            "UPDATE events SET body = '{{}}' WHERE type = 'order.confirmed' AND order_id = X'{}'",
            id.replace('-', "")
        ),
    );
    start(&mut app, "[retry]\nbase_delay_ms = 1\n").await;
    let scrape = until("the dead letter", &app, |scrape| {
        rule.is_crossed_by(dead(scrape))
            && scrape.one("waybill_orders", "name=\"delivered\"") == 2.0
    })
    .await;
    assert!((dead(&scrape) - 1.0).abs() < 0.1);
    let letters = app.client().get("/v1/dead-letters").await;
    let letters: Value = letters.expect("it answers").json();
    assert_eq!(letters["items"][0]["orderId"], id, "{letters}");
}

#[tokio::test]
async fn the_write_ahead_log_is_told_in_bytes_and_grows_under_a_held_snapshot() {
    let rule = named("WaybillWalLarge");
    let bytes = |scrape: &Scrape| scrape.one("waybill_store_wal_bytes", "");
    let app = demo()
        .env("WAYBILL_STORE__CHECKPOINT_PAGES", "100")
        .ready()
        .await
        .expect("ready");
    placed(&app, 1).await;
    let reader = rusqlite::Connection::open(app.data().join("waybill.db")).expect("it is SQLite");
    let hold = "BEGIN; SELECT COUNT(*) FROM orders;";
    reader.execute_batch(hold).expect("a snapshot");
    let before = bytes(&Scrape::of(&app).await);
    placed(&app, 300).await;
    let after = until("the growth", &app, |s| bytes(s) > before + 1e6).await;
    let file = std::fs::metadata(app.data().join("waybill.db-wal")).expect("there");
    // The file may have grown since the scrape; the metric is in bytes.
    assert!(bytes(&after) <= file.len() as f64 && bytes(&after) > file.len() as f64 / 2.0);
    assert!(!rule.is_crossed_by(bytes(&after)));
    assert!(rule.is_crossed_by(rule.threshold() + file.len() as f64));
}

#[tokio::test]
async fn room_on_the_disk_is_the_share_that_the_rule_reads() {
    let rule = named("WaybillDiskLow");
    let app = demo().ready().await.expect("ready");
    let scrape = Scrape::of(&app).await;
    let told = scrape.one("waybill_store_disk_free_bytes", "")
        / scrape.one("waybill_store_disk_bytes", "");
    let stat = rustix::fs::statvfs(app.data()).expect("the folder is there");
    let real = stat.f_bavail as f64 / stat.f_blocks as f64;
    // Others write to the same disk.
    assert!((told - real).abs() < 0.05, "{told} and {real}");
    assert!(rule.is_crossed_by(0.0) && !rule.is_crossed_by(1.0));
}

/// The faults of the alerts of relay and inbox, which are produced without a broker.
const WITHOUT_A_BROKER: [&str; 2] = [
    include_str!("../../src/roles/relay/tests/alerts.rs"),
    include_str!("../../src/consumers/inbox/tests/alerts.rs"),
];

#[test]
fn every_alert_has_its_fault() {
    let source = [
        include_str!("alerts.rs"),
        include_str!("churn.rs"),
        include_str!("pool.rs"),
        include_str!("snapshot.rs"),
        include_str!("store_down.rs"),
        include_str!("tokens.rs"),
    ]
    .concat();
    for rule in super::rules::all() {
        let alert = &rule.alert;
        let tried = source.contains(&format!("named(\"{alert}\")"))
            || WITHOUT_A_BROKER
                .iter()
                .any(|tests| tests.contains(&format!("Rule::of(\"{alert}\"")));
        assert!(tried, "{}", rule.alert);
    }
}

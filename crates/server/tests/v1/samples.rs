//! Samples through the front door: what a process counted is there after it was killed, and any process shows it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill_testkit::server::Start;

use crate::shop::{AT_ONCE, PATIENCE, Shop, small};

fn sampling(interval: &str) -> Start {
    Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms(AT_ONCE)
        .env("WAYBILL_SAMPLES__INTERVAL_MS", interval)
}

async fn samples(shop: &Shop, query: &str) -> Value {
    let answer = shop.get(&format!("/v1/samples{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// How many there were of a rate, over all slots. Rates are rounded to a thousandth.
fn sum(samples: &Value, rate: &str) -> u64 {
    let items = samples["items"].as_array().expect("items");
    let of = |item: &Value| item[rate].as_f64().expect("a rate") * seconds(item);
    items.iter().map(of).sum::<f64>().round() as u64
}

fn seconds(item: &Value) -> f64 {
    item["seconds"].as_f64().expect("seconds")
}

/// The orders whose time in intake was counted.
fn timed(samples: &Value) -> u64 {
    let items = samples["items"].as_array().expect("items").iter();
    let count = |item: &Value| item["latencyMs"]["count"].as_u64().expect("a count");
    items.map(count).sum()
}

/// Asks until the samples are as they should be.
async fn until(shop: &Shop, query: &str, done: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let found = samples(shop, query).await;
        if done(&found) {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{found:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn place(shop: &Shop, name: &str, orders: u64) {
    for n in 0..orders {
        let key = format!("{name}-{n}");
        shop.placed(&key, &small("MUG-1", 1)).await;
    }
}

#[tokio::test]
async fn what_was_counted_before_a_kill_is_shown_after_the_next_start() {
    let mut shop = Shop::start(sampling("100ms")).await;
    shop.stocked("MUG-1", 12).await;
    place(&shop, "before", 9).await;
    // The same key again makes no order, and one that is short is refused.
    place(&shop, "before", 1).await;
    let short = shop.place("short", &small("MUG-1", 50)).await;
    assert_eq!(short.status, 422, "{}", short.text());
    let before = until(&shop, "", |found| {
        let counted = ["ordersPerSecond", "deliveredPerSecond"].map(|rate| sum(found, rate));
        counted == [9, 9] && sum(found, "refusedPerSecond") == 1 && timed(found) == 9
    })
    .await;
    shop.0.kill().await.expect("killed");
    shop.0.start().await.expect("starts again");
    place(&shop, "after", 3).await;
    let after = until(&shop, "", |found| sum(found, "deliveredPerSecond") == 12).await;
    assert_eq!(sum(&after, "ordersPerSecond"), 12, "{after:#}");
    assert_eq!(timed(&after), 12, "{after:#}");
    let long = samples(&shop, "?step=5m").await;
    assert_eq!(sum(&long, "ordersPerSecond"), 12, "{long:#}");
    assert_eq!(timed(&long), 12, "{long:#}");

    let processes = after["processes"].as_array().expect("processes");
    assert_eq!(processes.len(), 2, "each start is a process: {after:#}");
    let killed = before["processes"][0]["id"].as_str().expect("a name");
    let is_killed = |process: &&Value| process["id"] == killed;
    assert_eq!(processes.iter().filter(is_killed).count(), 1, "{after:#}");
    let of_killed = samples(&shop, &format!("?process={killed}")).await;
    assert_eq!(sum(&of_killed, "ordersPerSecond"), 9, "{of_killed:#}");

    let busy = after["items"].as_array().expect("items");
    let busy = busy.iter().find(|item| item["latencyMs"]["count"] != 0);
    let busy = busy.expect("orders were placed");
    let latency = ["p50", "p90", "p99", "p999"].map(|p| busy["latencyMs"][p].as_f64());
    assert!(latency[0] > Some(0.0) && latency.is_sorted(), "{busy:#}");
    assert!(busy["queue"]["most"].as_u64() >= Some(1), "{busy:#}");
    assert!(busy["queue"]["limit"].as_u64() >= Some(1_000), "{busy:#}");
    let lag = busy["lagMs"].as_object().expect("by consumer");
    assert!(
        lag.contains_key("delivery") && lag.contains_key("status"),
        "{busy:#}"
    );
    assert_eq!(after["unreadable"], 0);
}

#[tokio::test]
async fn what_was_counted_since_the_last_row_is_written_at_a_stop() {
    let mut shop = Shop::start(sampling("10s")).await;
    shop.stocked("MUG-1", 5).await;
    place(&shop, "k", 5).await;
    let ended = shop.0.stop().await.expect("stops");
    assert!(ended.success(), "{ended}");
    shop.0.start().await.expect("starts again");
    let found = samples(&shop, "").await;
    assert_eq!(sum(&found, "ordersPerSecond"), 5, "{found:#}");
}

/// Runs statements beside the server.
fn sql(shop: &Shop, statements: &[&str]) {
    for statement in statements {
        if let Some(database) = shop.0.database() {
            database.sql(statement).expect("it is right");
        } else {
            let file = shop.0.data().join("waybill.db");
            let db = rusqlite::Connection::open(file).expect("it is SQLite");
            db.execute_batch(statement).expect("it is right");
        }
    }
}

async fn until_metric(shop: &Shop, name: &str, least: i64) {
    let begun = Instant::now();
    while shop.0.metric(name).await.expect("metrics") < least {
        assert!(begun.elapsed() < PATIENCE, "{name}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn orders_go_on_while_samples_cannot_be_written_and_nothing_is_missing_afterwards() {
    let shop = Shop::start(sampling("100ms")).await;
    shop.stocked("MUG-1", 9).await;
    place(&shop, "before", 2).await;
    sql(&shop, &["ALTER TABLE samples RENAME TO samples_away"]);
    place(&shop, "meanwhile", 3).await;
    until_metric(&shop, "waybill_sample_writes_failed_total", 3).await;
    place(&shop, "later", 1).await;
    sql(&shop, &["ALTER TABLE samples_away RENAME TO samples"]);
    let found = until(&shop, "", |found| sum(found, "deliveredPerSecond") == 6).await;
    assert_eq!(sum(&found, "ordersPerSecond"), 6, "{found:#}");
    let dropped = shop.0.metric("waybill_samples_dropped_total").await;
    assert_eq!(dropped.expect("metrics"), 0);
    let begun = shop
        .0
        .output()
        .matches("samples cannot be written; trying")
        .count();
    assert_eq!(begun, 1, "an outage is logged once: {}", shop.0.output());
}

#[tokio::test]
async fn samples_that_are_old_are_removed_and_a_damaged_one_is_told() {
    let mut shop = Shop::start(sampling("100ms")).await;
    shop.stocked("MUG-1", 2).await;
    place(&shop, "k", 2).await;
    until(&shop, "", |found| sum(found, "ordersPerSecond") == 2).await;
    shop.0.stop().await.expect("stops");
    sql(
        &shop,
        &[
            "INSERT INTO samples (resolution, slot_start, process, data) VALUES (10, 1000000000, 'old', '{}')",
            "INSERT INTO samples (resolution, slot_start, process, data) VALUES (300, 900000000, 'old', '{}')",
            "INSERT INTO samples (resolution, slot_start, process, data) SELECT resolution, slot_start, 'damaged', '{' FROM samples WHERE slot_start > 1000000000",
        ],
    );
    shop.0.start().await.expect("starts again");
    until_metric(&shop, "waybill_housekeeping_samples_removed_total", 2).await;
    let found = samples(&shop, "").await;
    assert_eq!(sum(&found, "ordersPerSecond"), 2, "{found:#}");
    assert!(found["unreadable"].as_u64() >= Some(1), "{found:#}");
    let told = shop.0.output();
    assert!(
        told.contains("a sample cannot be read") && told.contains("damaged"),
        "{told}"
    );
    let old = samples(&shop, "?from=1970-01-01T00:00:00Z&to=1970-01-01T01:00:00Z").await;
    assert_eq!((&old["items"], &old["unreadable"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_breaker_that_opened_is_shown_with_its_time() {
    let start = sampling("100ms").env("WAYBILL_INVENTORY__FAILURE_RATE", "100");
    let shop = Shop::start(start).await;
    for n in 0..6 {
        let refused = shop.place(&format!("k{n}"), &small("NOT-TRACKED", 1)).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
    }
    let breakers = |found: &Value| -> Vec<Value> {
        let items = found["items"].as_array().expect("items").iter();
        items
            .flat_map(|item| item["breakers"].as_array().expect("a list").clone())
            .collect()
    };
    let found = until(&shop, "", |found| !breakers(found).is_empty()).await;
    let opened = &breakers(&found)[0];
    assert_eq!(opened["name"], "inventory", "{found:#}");
    assert_eq!(
        (&opened["from"], &opened["to"]),
        (&json!("closed"), &json!("open"))
    );
    let at = opened["at"].as_str().expect("a time");
    assert!(found["from"].as_str() < Some(at), "{found:#}");
    assert_eq!(sum(&found, "ordersPerSecond"), 0);
}

#[tokio::test]
async fn an_installation_that_wants_no_samples_has_none() {
    let shop = Shop::start(sampling("0")).await;
    shop.stocked("MUG-1", 2).await;
    place(&shop, "k", 2).await;
    let mut shop = shop;
    shop.0.stop().await.expect("stops");
    shop.0.start().await.expect("starts again");
    let found = samples(&shop, "").await;
    assert_eq!(found["items"], json!([]));
    assert_eq!(found["processes"], json!([]));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_parameter_limit_and_value() {
    let shop = Shop::start(sampling("0")).await;
    for (query, field, said) in [
        ("step=1m", "step", "10s or 5m"),
        ("from=yesterday", "from", "yesterday"),
        (
            "from=2026-05-04T00:00:00Z&to=2026-05-04T12:00:00Z",
            "from",
            "at most 1500",
        ),
        (
            "from=2026-05-04T12:00:00Z&to=2026-05-04T12:00:00Z",
            "from",
            "before to",
        ),
        ("form=2026-05-04T12:00:00Z", "form", "did you mean from?"),
    ] {
        let refused = shop.get(&format!("/v1/samples?{query}")).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let problem: Value = refused.json();
        assert_eq!(problem["field"], field, "{problem}");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.to_lowercase().contains(said), "{problem}");
    }
}

//! PostgreSQL stops while Waybill runs: the process goes on telling what it knows, the alert is the one for the
//! database, and the log says once what is wrong and once that it is over.

use std::time::{Duration, Instant};

use serde_json::Value;
use waybill_testkit::postgres::{Mode, Postgres, ServerOptions};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::unavailable::or_skip;

use super::WAYBILL;
use super::rules::named;
use super::scrape::{Scrape, until};

const WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const UP: &str = "waybill_store_up";

async fn logged(app: &Waybill, text: &str) {
    let begun = Instant::now();
    while !app.output().contains(text) {
        let in_time = begun.elapsed() < WITHIN;
        assert!(in_time, "{text:?} was not logged: {}", app.output());
        tokio::time::sleep(POLL).await;
    }
}

/// How often the failure of one kind of work was logged at most.
fn most_repeated(output: &str) -> usize {
    let warned = output.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let is_warning = line["level"].as_str()? == "WARN";
        let (who, consumer) = (&line["who"], &line["consumer"]);
        is_warning.then(|| format!("{who}, {consumer}: {}", line["message"]))
    });
    let mut counts = std::collections::HashMap::<String, usize>::new();
    for kind in warned {
        *counts.entry(kind).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

#[tokio::test]
async fn a_stopped_database_leaves_metrics_readable_and_is_logged_once() {
    let (rule, down) = (named("WaybillStoreDown"), named("WaybillDown"));
    let Some(mut server) = or_skip(Postgres::start(ServerOptions::default())) else {
        return;
    };
    let app = Start::demo(WAYBILL).with_short_leases();
    let mut app = app
        .on(&server.url("waybill_down"))
        .prepared()
        .expect("a folder");
    app.migrate().await.expect("migrated");
    app.start().await.expect("ready");
    let before = Scrape::settled(&app).await;
    assert!(!rule.is_crossed_by(before.one(UP, "")));

    server.stop(Mode::Immediate).expect("stopped");
    let away = until("the end of the store", &app, |scrape| {
        rule.is_crossed_by(scrape.one(UP, ""))
    })
    .await;
    // Prometheus got an answer, so this one is quiet.
    assert!(!down.is_crossed_by(1.0));
    assert!(!away.has("waybill_dead_letters") && !away.has("waybill_consumer_lag_seconds"));
    assert!(away.has("waybill_http_requests_total") && away.has("waybill_uptime_seconds"));
    logged(&app, "events cannot be read or applied; trying again").await;
    logged(&app, "leases cannot be renewed; trying again").await;
    logged(
        &app,
        "no notifications can be received; consumers poll; trying again",
    )
    .await;
    let health: Value = app
        .client()
        .get("/health")
        .await
        .expect("it answers")
        .json();
    assert_eq!(health["services"]["database"], "down", "{health}");
    assert!(health["reason"].is_string(), "{health}");

    server.start_again().expect("it comes back");
    until("the store again", &app, |scrape| {
        !rule.is_crossed_by(scrape.one(UP, "")) && scrape.has("waybill_consumer_lag_seconds")
    })
    .await;
    logged(&app, "fault ended: leases cannot be renewed").await;
    logged(
        &app,
        "fault ended: no notifications can be received; consumers poll",
    )
    .await;
    let said = app.output();
    assert_eq!(most_repeated(&said), 1, "{said}");
    assert!(!said.contains("could not be recycled"), "{said}");
}

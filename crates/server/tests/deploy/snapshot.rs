//! A transaction that is left open in the database shows in the metrics, and `doctor` names it.

use waybill_testkit::postgres::{Postgres, ServerOptions};
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::or_skip;

use super::WAYBILL;
use super::doctor::{doctor, is};
use super::held::Held;
use super::rules::named;
use super::scrape::{Scrape, until};

fn age(scrape: &Scrape) -> f64 {
    scrape.one("waybill_store_oldest_snapshot_seconds", "")
}

#[tokio::test]
async fn a_transaction_left_open_grows_old_in_the_metrics_and_doctor_names_its_session() {
    let rule = named("WaybillOldSnapshot");
    let Some(server) = or_skip(Postgres::start(ServerOptions::default())) else {
        return;
    };
    let as_role = "CREATE ROLE narrow LOGIN PASSWORD 'narrow'; CREATE DATABASE shop OWNER narrow";
    for statement in as_role.split("; ") {
        server.sql("postgres", statement).expect("it is ours");
    }
    let at = server.socket().expect("an address");
    let narrow = format!("postgres://narrow:narrow@{at}/shop");
    let mut app = Start::demo(WAYBILL)
        .on(&narrow)
        .prepared()
        .expect("a folder");
    app.migrate().await.expect("migrated");
    app.start().await.expect("ready");

    // Of the administrator, whom this role does not see until it may.
    let held = Held::begin(&server.url("shop"), "");
    let checks = doctor(&narrow, &[]).await;
    is(
        &checks,
        "snapshot",
        "warn",
        &["others are not seen", "GRANT pg_monitor"],
    );
    let grant = "GRANT pg_monitor TO narrow";
    server.sql("postgres", grant).expect("it is ours");
    let checks = doctor(&narrow, &[]).await;
    let named = format!("process {}, user postgres", held.process);
    is(&checks, "snapshot", "ok", &[&named]);

    let first = age(&until("its age", &app, |scrape| age(scrape) > 1.0).await);
    let grown = until("its growth", &app, |scrape| age(scrape) > first + 1.0).await;
    assert!(!rule.is_crossed_by(age(&grown)));
    assert!(rule.is_crossed_by(rule.threshold() + age(&grown)));
    held.end();
    until("its end", &app, |scrape| age(scrape) < 1.0).await;
}

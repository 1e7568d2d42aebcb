//! `waybill doctor` on broken installations: each thing that is wrong is named, with what to do, and nothing hangs.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::timeout;
use waybill_testkit::ports::free_address;
use waybill_testkit::postgres::{Postgres, ServerOptions};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::unavailable::or_skip;

use super::WAYBILL;

/// Longer than all that it looks at may take together.
const PATIENCE: Duration = Duration::from_secs(30);

/// What it says of this address with these settings; its exit code says the same.
pub async fn doctor(url: &str, settings: &[(&str, &str)]) -> Vec<Value> {
    let start = Start::demo(WAYBILL).env("DATABASE_URL", url);
    let start = settings.iter().fold(start, |start, (k, v)| start.env(k, v));
    let app: Waybill = start.prepared().expect("a folder");
    let mut command = app.command("doctor");
    command.args([
        "--profile",
        "demo",
        "--listen",
        &app.address().to_string(),
        "--json",
    ]);
    let output = timeout(PATIENCE, command.output()).await;
    let output = output.expect("it does not hang").expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&told).unwrap_or_else(|e| panic!("{e}: {told}"));
    assert_eq!(report["ok"], output.status.success(), "{told}");
    report["checks"].as_array().expect("a list").clone()
}

/// The verdict on a thing, and everything that is said of it.
fn of(checks: &[Value], name: &str) -> (String, String) {
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("nothing is said of {name}: {checks:?}"));
    let text = |field: &str| check[field].as_str().unwrap_or_default().to_owned();
    (
        text("verdict"),
        format!("{} → {}", text("found"), text("advice")),
    )
}

pub fn is(checks: &[Value], name: &str, verdict: &str, words: &[&str]) {
    let (found, told) = of(checks, name);
    assert_eq!(found, verdict, "{name}: {told}");
    for word in words {
        assert!(told.contains(word), "{name} says nothing of {word}: {told}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_had_is_named_with_what_to_do_and_without_its_password() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let nobody = free_address().expect("a port").to_string();
    let url = format!("postgres://app:s3cret@{nobody}/orders");
    let checks = doctor(&url, &[]).await;
    is(
        &checks,
        "store",
        "bad",
        &[&nobody, "as app", "orders at", "check the address"],
    );
    let (_, told) = of(&checks, "store");
    assert!(!told.contains("s3cret"), "{told}");

    let missing = server.url("no_such_database");
    let checks = doctor(&missing, &[]).await;
    is(
        &checks,
        "store",
        "bad",
        &["no_such_database", "`waybill migrate` makes it"],
    );

    let at = server.socket().expect("an address");
    let url = format!("postgres://nobody_of_this_name:s3cret@{at}/postgres");
    let checks = doctor(&url, &[]).await;
    is(
        &checks,
        "store",
        "bad",
        &["as nobody_of_this_name", "user and password"],
    );
    let (_, told) = of(&checks, "store");
    assert!(!told.contains("s3cret"), "{told}");
}

#[tokio::test]
async fn a_schema_that_is_missing_or_old_and_a_pool_beyond_the_server_are_found() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let checks = doctor(&database.url(), &[]).await;
    is(
        &checks,
        "schema",
        "bad",
        &["no tables", "`waybill migrate`"],
    );

    let migrated = Start::demo(WAYBILL).on(&database.url()).prepared();
    migrated
        .expect("a folder")
        .migrate()
        .await
        .expect("migrated");
    let checks = doctor(&database.url(), &[("DB_POOL_SIZE", "1000")]).await;
    is(&checks, "schema", "ok", &[]);
    is(
        &checks,
        "room",
        "bad",
        &["up to 1001", "store.pool_size below"],
    );
    is(&checks, "notify", "ok", &[]);

    let newest =
        "DELETE FROM schema_version WHERE number = (SELECT max(number) FROM schema_version)";
    database.sql(newest).expect("it is there");
    let checks = doctor(&database.url(), &[]).await;
    is(
        &checks,
        "schema",
        "bad",
        &["this version needs", "`waybill migrate`"],
    );
}

/// Changes a setting of a running server, and waits until it is in force.
async fn set(server: &Postgres, name: &str, value: &str) {
    let alter = format!("ALTER SYSTEM SET {name} = '{value}'");
    server.sql("postgres", &alter).expect("it is ours");
    let reload = "SELECT pg_reload_conf()";
    server.sql("postgres", reload).expect("it answers");
    let begun = Instant::now();
    let shown = || {
        server
            .sql("postgres", &format!("SHOW {name}"))
            .expect("it answers")
    };
    while shown().trim() != value {
        assert!(begun.elapsed() < PATIENCE, "{name} is {}", shown());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_standby_that_is_gone_and_an_archive_that_fails_are_found_and_nothing_waits_for_them() {
    let options = ServerOptions::default()
        .set("archive_mode", "on")
        .set("archive_command", "false");
    let Some(server) = or_skip(Postgres::start(options)) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let migrated = Start::demo(WAYBILL).on(&database.url()).prepared();
    migrated
        .expect("a folder")
        .migrate()
        .await
        .expect("migrated");
    let checks = doctor(&database.url(), &[]).await;
    is(&checks, "standby", "warn", &["none is waited for"]);

    server
        .sql("postgres", "SELECT pg_switch_wal()")
        .expect("it answers");
    let failures = "SELECT failed_count FROM pg_stat_archiver";
    let begun = Instant::now();
    while server.sql("postgres", failures).expect("it answers").trim() == "0" {
        assert!(begun.elapsed() < PATIENCE, "it was never tried");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    set(&server, "synchronous_standby_names", "gone").await;
    let checks = doctor(&database.url(), &[]).await;
    is(
        &checks,
        "standby",
        "bad",
        &["commits wait for gone; 0 connected", "The primary is lost"],
    );
    is(
        &checks,
        "archive",
        "bad",
        &["cannot be archived", "fills up", "archive_command"],
    );
    is(&checks, "notify", "ok", &[]);
    // Else its end would be waited for.
    set(&server, "synchronous_standby_names", "").await;
}

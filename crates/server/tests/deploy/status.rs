//! `waybill status` and what `waybill doctor` makes of it: who works on the store, roles that no process runs, workers
//! that are gone, what stands still. On the embedded store and on PostgreSQL.

use std::time::{Duration, Instant};

use serde_json::Value;
use waybill_testkit::server::{Start, Waybill};

use super::WAYBILL;
use super::scrape::until;
use super::shop::Shop;

const WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// What a command says in JSON, and whether its exit code is 0.
async fn says(app: &Waybill, command: &str) -> (Value, bool) {
    let mut asked = app.command(command);
    asked.arg("--json").arg("--data").arg(app.data());
    if command == "doctor" {
        let address = app.address().to_string();
        asked.args(["--profile", "demo", "--listen", &address]);
    }
    let output = asked.output().await.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}{said}"));
    (value, output.status.success())
}

/// What doctor says of one thing: the verdict, and the words.
async fn doctor(app: &Waybill, name: &str) -> (String, String) {
    let (report, _) = says(app, "doctor").await;
    let checks = report["checks"].as_array().expect("a list").clone();
    let check = checks.into_iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("nothing is said of {name}: {report}"));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (
        text("verdict"),
        format!("{} → {}", text("found"), text("advice")),
    )
}

/// Waits until doctor says this of a thing.
async fn diagnosed(app: &Waybill, name: &str, verdict: &str, words: &str) -> String {
    let begun = Instant::now();
    loop {
        let (found, told) = doctor(app, name).await;
        if found == verdict && told.contains(words) {
            return told;
        }
        assert!(begun.elapsed() < WITHIN, "{name} is {found}: {told}");
        tokio::time::sleep(POLL).await;
    }
}

fn role<'a>(status: &'a Value, name: &str) -> &'a Value {
    let mut roles = status["roles"].as_array().expect("a list").iter();
    roles
        .find(|role| role["role"] == name)
        .expect("it is listed")
}

async fn place(app: &Waybill) {
    app.seed("MUG-1", 100).await.expect("counted");
    let line = serde_json::json!({"sku": "MUG-1", "quantity": 1, "unitPrice": "1.00"});
    let order = serde_json::json!({"currency": "EUR", "lines": [line]});
    let answer = app.place("key", &order).await.expect("it answers");
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[tokio::test]
async fn an_embedded_store_shows_its_process_and_the_roles_that_no_process_runs() {
    let mut app = Start::demo(WAYBILL).arg("--roles").arg("api,housekeeping");
    app = app.delivering_within_ms("0-50");
    let mut app = app.ready().await.expect("ready");
    place(&app).await;
    until("the lease", &app, |scrape| {
        scrape.one("waybill_consumer_parts", "housekeeping") == 1.0
    })
    .await;
    let (status, read) = says(&app, "status").await;
    assert!(read && status["served"] == true, "{status}");
    assert_eq!(role(&status, "housekeeping")["state"], "ok", "{status}");
    for missing in ["delivery", "status"] {
        assert_eq!(
            role(&status, missing)["state"],
            "nobody-runs-it",
            "{status}"
        );
    }
    assert_eq!(status["unfinishedOrders"], 1, "{status}");
    assert_eq!(
        status["oldestUnfinished"]["status"], "confirmed",
        "{status}"
    );
    let (report, fine) = says(&app, "doctor").await;
    assert!(!fine, "{report}");
    diagnosed(&app, "roles", "bad", "no process runs delivery, status").await;

    assert!(app.stop().await.expect("it stops").success());
    let (status, read) = says(&app, "status").await;
    assert!(read && status["served"] == false, "{status}");
    diagnosed(&app, "roles", "warn", "no process works on this store").await;
}

#[tokio::test]
async fn a_store_with_every_role_has_nothing_to_report() {
    let app = Start::demo(WAYBILL).delivering_within_ms("0-50");
    let app = app.ready().await.expect("ready");
    place(&app).await;
    until("the delivery", &app, |scrape| {
        scrape.one("waybill_orders", "name=\"delivered\"") == 1.0
    })
    .await;
    let (status, _) = says(&app, "status").await;
    for name in ["delivery", "status", "housekeeping"] {
        assert_eq!(role(&status, name)["state"], "ok", "{status}");
    }
    assert_eq!(status["oldestUnfinished"], Value::Null, "{status}");
    for name in ["roles", "lag", "leases", "parked", "orders"] {
        diagnosed(&app, name, "ok", "").await;
    }
    let output = app.command("status").arg("--data").arg(app.data()).output();
    let output = output.await.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("SQLite") && text.contains("housekeeping"),
        "{text}"
    );
}

#[tokio::test]
async fn on_postgres_a_frozen_worker_is_named_and_a_role_that_no_process_runs_is_bad() {
    let Some(mut shop) = Shop::open().await else {
        return;
    };
    shop.shared_out_evenly().await;
    let (status, _) = says(&shop.api, "status").await;
    assert_eq!(
        status["processes"].as_array().map(Vec::len),
        Some(2),
        "{status}"
    );
    assert_eq!(role(&status, "delivery")["partitionsHeld"], 16, "{status}");
    diagnosed(&shop.api, "roles", "ok", "by 2 processes").await;
    diagnosed(&shop.api, "leases", "ok", "").await;

    // Both are frozen, so that neither deletes the other's entry.
    for worker in &shop.workers {
        worker.pause().expect("it runs");
    }
    let told = diagnosed(&shop.api, "roles", "warn", "no process works on this store").await;
    assert!(told.contains("delivery, status and housekeeping"), "{told}");
    let (status, _) = says(&shop.api, "status").await;
    let process = &status["processes"][0];
    assert!(
        process["alive"] == false && process["silentMs"].as_i64() > Some(0),
        "{status}"
    );
    shop.workers[0].resume().expect("it is frozen");
    diagnosed(&shop.api, "roles", "ok", "by 1 processes").await;

    shop.workers[1].resume().expect("it is frozen");
    for worker in std::mem::take(&mut shop.workers) {
        shop.kill(worker).await;
    }
    shop.place(1).await;
    diagnosed(&shop.api, "roles", "bad", "no process works on this store").await;
    let (report, fine) = says(&shop.api, "doctor").await;
    assert!(!fine, "{report}");
}

#[tokio::test]
async fn a_settings_file_that_others_can_read_is_reported_when_it_holds_a_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    let app = Start::demo(WAYBILL).prepared().expect("a folder");
    let file = app.home().join("waybill.toml");
    let secret = "[[auth.secrets]]\nkid = \"a\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n";
    std::fs::write(&file, secret).expect("written");
    for (mode, verdict) in [(0o644, "warn"), (0o640, "ok")] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&file, permissions).expect("it is ours");
        let (found, told) = doctor(&app, "secrets").await;
        assert_eq!(found, verdict, "{told}");
        assert!(told.contains("waybill.toml"), "{told}");
    }
}

//! An embedded store moved into PostgreSQL: for its clients it is the same store.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::proxy::{Cut, Proxy};
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::or_skip;

use crate::shop::{NEVER, Shop, id, small};

#[tokio::test]
async fn clients_go_on_with_their_orders_keys_and_cursors_after_a_move() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut shop = Shop::open(NEVER).await;
    shop.stocked("a", 100).await;
    let mut made = vec![];
    for n in 0..5 {
        made.push(shop.placed(&format!("k{n}"), &small("a", 1)).await);
    }
    let first = id(&made[0]);
    shop.follow(&first, None)
        .await
        .until("order.processing")
        .await;
    let feed: Value = shop.get("/v1/events?limit=100").await.json();
    let cursor = feed["next"].as_str().expect("a cursor").to_owned();
    let of_first: Value = shop.get(&format!("/v1/orders/{first}")).await.json();
    shop.0.stop().await.expect("stops");

    let from = format!("sqlite:{}", shop.0.data().display());
    let arguments = ["--from", &from, "--to", &database.url(), "--json"];
    let output = shop.0.command("migrate").args(arguments).output().await;
    let output = output.expect("the command runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(!told.contains("copying"), "stages are for people: {told}");
    let moved: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&moved["ok"], &moved["counts"]["orders"]),
        (&true.into(), &5.into())
    );
    assert!(shop.0.start().await.is_err(), "it is served elsewhere now");

    let start = Start::demo(env!("CARGO_BIN_EXE_waybill")).env("DATABASE_URL", database.url());
    let shop = Shop::start(start.delivering_within_ms("0")).await;
    let again = shop.place("k0", &small("a", 1)).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(id(&again.json()), first);
    let found: Value = shop.get(&format!("/v1/orders/{first}")).await.json();
    assert_eq!(found["orderNumber"], of_first["orderNumber"]);
    let late = shop.placed("late", &small("a", 1)).await;
    assert_ne!(late["orderNumber"], made[4]["orderNumber"]);
    shop.follow(&id(&late), None)
        .await
        .until("order.delivered")
        .await;
    // A cursor of one part goes on in a log of sixteen: what comes after it, and all of the parts that are new.
    let page = shop
        .get(&format!("/v1/events?limit=100&after={cursor}"))
        .await;
    assert_eq!(page.status, 200, "{}", page.text());
    let page: Value = page.json();
    let events = page["items"].as_array().expect("items");
    let of_late = events.iter().filter(|e| e["orderId"] == late["id"]);
    assert!(of_late.count() >= 5);
    let told: Vec<_> = events.iter().map(|e| &e["id"]).collect();
    let before = feed["items"].as_array().expect("items");
    assert!(
        before.iter().all(|e| !told.contains(&&e["id"])),
        "no event is sent twice"
    );
    let report = shop.0.verify().await.expect("verify runs");
    assert!(report.ok, "{:?}", report.findings);
}

/// A stopped shop with an order under way, a migrated database for it, and a wire between them that can be cut.
struct Moving {
    shop: Shop,
    order: String,
    database: Database,
    proxy: Proxy,
    through_proxy: String,
}

impl Moving {
    async fn prepared() -> Option<Self> {
        let server = or_skip(Postgres::shared())?;
        let database = server.database(None).expect("a database");
        let mut shop = Shop::open(NEVER).await;
        let order = id(&shop.placed("k", &small("a", 1)).await);
        let mut follow = shop.follow(&order, None).await;
        follow.until("order.processing").await;
        shop.0.stop().await.expect("stops");
        // Migrated already, so that the first COMMIT on the wire is the one that moves the store.
        let mut migrate = shop.0.command("migrate");
        let migrated = migrate.env("DATABASE_URL", database.url()).output().await;
        assert!(migrated.expect("it runs").status.success());
        let proxy = Proxy::to(server.socket().expect("an address")).expect("a proxy");
        let through_proxy = server.url_via(proxy.address(), database.name());
        Some(Self {
            shop,
            order,
            database,
            proxy,
            through_proxy: through_proxy.expect("an address"),
        })
    }

    fn to(&self, url: &str) -> Command {
        let from = format!("sqlite:{}", self.shop.0.data().display());
        let mut command = self.shop.0.command("migrate");
        command.args(["--from", &from, "--to", url]);
        command
    }

    /// A server refuses the folder and runs on the database, where the order goes on.
    async fn ends_moved(mut self) {
        let refused = self.shop.0.start().await.expect_err("it lives elsewhere");
        assert!(
            format!("{refused:#}").contains("was moved to"),
            "{refused:#}"
        );
        let start = Start::demo(env!("CARGO_BIN_EXE_waybill"));
        let start = start.env("DATABASE_URL", self.database.url());
        let shop = Shop::start(start.delivering_within_ms(NEVER)).await;
        let again = shop.place("k", &small("a", 1)).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(id(&again.json()), self.order);
        let report = shop.0.verify().await.expect("verify runs");
        assert!(report.ok, "{:?}", report.findings);
    }
}

#[tokio::test]
async fn a_move_killed_between_its_mark_and_its_commit_leaves_neither_served_and_is_run_again() {
    let Some(mut moving) = Moving::prepared().await else {
        return;
    };
    let said = b"COMMIT".to_vec();
    moving.proxy.arm(Cut::Hold { said }, 1).expect("armed");
    let mut killed = moving.to(&moving.through_proxy);
    killed.stdout(Stdio::null()).stderr(Stdio::null());
    let mut killed = killed.spawn().expect("it runs");
    let held = timeout(Duration::from_secs(60), moving.proxy.hit(1)).await;
    held.expect("it comes to its COMMIT");
    killed.kill().await.expect("it ran");
    moving.proxy.cut();
    let refused = moving.shop.0.start().await.expect_err("it is marked");
    let refused = format!("{refused:#}");
    for told in ["was moved to", "If the move was broken off, run it again"] {
        assert!(refused.contains(told), "{told}: {refused}");
    }
    // Waits for the killed one's locks, and with them for its end.
    let orders = moving.database.sql("SELECT count(*) FROM orders");
    assert_eq!(orders.expect("read").trim(), "0");
    let output = moving.to(&moving.database.url()).output().await;
    let output = output.expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    for stage in ["copying", "checking the copy"] {
        assert!(told.contains(stage), "{stage}: {told}");
    }
    moving.ends_moved().await;
}

#[tokio::test]
async fn a_move_that_hears_nothing_of_its_commit_asks_and_says_what_became_of_it() {
    let Some(moving) = Moving::prepared().await else {
        return;
    };
    // The COMMIT was not carried out: neither store can be served until the command is run again.
    let armed = moving.proxy.arm(Cut::lost_commit(), 1);
    armed.expect("armed");
    let output = moving.to(&moving.through_proxy).output().await;
    let output = output.expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("run the same command again"), "{told}");
    // Carried out, and the answer lost.
    let armed = moving.proxy.arm(Cut::lost_commit_answer(), 1);
    armed.expect("armed");
    let output = moving.to(&moving.through_proxy).output().await;
    let output = output.expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(moving.proxy.hits(), 2);
    let output = moving.to(&moving.through_proxy).output().await;
    let output = output.expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("holds this store already"), "{told}");
    moving.ends_moved().await;
}

#[tokio::test]
async fn a_move_says_what_is_missing() {
    let shop = Shop::open(NEVER).await;
    for (arguments, wanted) in [
        (vec!["--from", "/somewhere"], "expected sqlite:"),
        (
            vec!["--from", "sqlite:x", "--to", "mysql://h/x"],
            "expected postgres://",
        ),
        (vec!["--from", "sqlite:x"], "give --to, or DATABASE_URL"),
        (vec!["--to", "postgres://h/x"], "--from"),
    ] {
        let output = shop.0.command("migrate").args(&arguments).output().await;
        let output = output.expect("the command runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && told.contains(wanted),
            "{arguments:?}: {told}"
        );
    }
}

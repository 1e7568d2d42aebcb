//! An embedded store moved into PostgreSQL: for its clients it is the same store.

use serde_json::Value;
use waybill_testkit::postgres::Postgres;
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
    assert!(
        told.contains("copying") && told.contains("checking the copy"),
        "{told}"
    );
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
        "nothing is told twice"
    );
    let report = shop.0.verify().await.expect("verify runs");
    assert!(report.ok, "{:?}", report.findings);
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

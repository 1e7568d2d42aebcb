//! Requests that find every connection of the pool taken are refused, counted, and raise an alert.

use waybill_testkit::postgres::Postgres;
use waybill_testkit::server::Start;
use waybill_testkit::unavailable::or_skip;

use super::WAYBILL;
use super::held::Held;
use super::rules::named;
use super::scrape::until;

const WAITING: &str = "waybill_store_pool_waiting";

#[tokio::test]
async fn callers_that_wait_for_a_connection_are_counted_and_raise_an_alert() {
    let rule = named("WaybillPoolTooSmall");
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let app = Start::demo(WAYBILL).on(&database.url());
    let app = app.env("DB_POOL_SIZE", "1").env("DB_POOL_MIN_SIZE", "1");
    let mut app = app.prepared().expect("a folder");
    app.migrate().await.expect("migrated");
    app.start().await.expect("ready");
    until("a quiet pool", &app, |scrape| {
        scrape.one(WAITING, "") == 0.0
    })
    .await;

    let held = Held::begin(
        &database.url(),
        "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;",
    );
    let asking = (0..8).map(|_| {
        let mut client = app.client();
        tokio::spawn(async move { client.get("/v1/orders").await })
    });
    let asking: Vec<_> = asking.collect();
    // The figure is there although the scrape finds no connection either.
    let crowded = until("callers that wait", &app, |scrape| {
        rule.is_crossed_by(scrape.one(WAITING, ""))
    })
    .await;
    assert!(crowded.one("waybill_store_pool_waits_total", "") >= 2.0);
    held.end();
    for asked in asking {
        // What it was answered depends on when it came; that it was is enough.
        asked.await.expect("no panic").expect("an answer");
    }
    let after = until("their end", &app, |scrape| {
        scrape.one(WAITING, "") == 0.0 && scrape.has("waybill_store_oldest_snapshot_seconds")
    })
    .await;
    assert!(!rule.is_crossed_by(after.one(WAITING, "")));
    assert!(after.one("waybill_store_pool_wait_seconds_total", "") > 0.0);
}

//! A pause holds for every process, outlives them, and loses nothing.

use http::Method;
use serde_json::{Value, json};

use super::wire::Wire;
use super::{Shop, eventually, folder, positions, write_plain_log};

/// Waits until events have stayed unpublished for longer than the relay takes to see a request.
async fn nothing_moves(shop: &Shop) -> Value {
    let view = std::cell::RefCell::new(Value::Null);
    eventually(async || {
        let seen = shop.relay().await;
        let waits = seen["lagMs"].as_i64().expect("a number");
        *view.borrow_mut() = seen;
        waits > 700
    })
    .await;
    view.into_inner()
}

#[tokio::test]
async fn a_paused_relay_publishes_nothing_until_it_is_resumed_even_after_a_restart() {
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.stock().await;
    wire.confirms(1).await;
    let pause = json!({"reason": "the broker moves"});
    let asked = shop.ask(Method::POST, "/v1/relay/pause", &pause).await;
    assert_eq!(asked["pause"]["reason"], "the broker moves");
    assert_eq!(asked["pause"]["by"], "tester");
    // An order may still go out within the time that a process takes to see the pause; then none does.
    eventually(async || {
        let seen = shop.relay().await;
        if seen["lag"] == 0 {
            shop.order().await;
        }
        seen["lagMs"].as_i64() > Some(700)
    })
    .await;
    let published = wire.seen().confirmed.len();
    let view = nothing_moves(&shop).await;
    assert_eq!(view["pause"], asked["pause"]);
    assert_eq!(view["publisher"], "wire");
    let lag = view["lag"].as_i64().expect("a number");
    let log = shop.log().await;
    assert_eq!(lag.unsigned_abs() as usize, log.len() - published);
    let cursor = view["partitions"][0]["cursor"].as_i64();
    assert_eq!(cursor, Some(shop.cursor().await), "written when it stopped");
    shop.close().await;

    let again = Wire::open();
    let shop = Shop::open(folder.path(), "api,relay", &again, &[]).await;
    shop.order().await;
    nothing_moves(&shop).await;
    assert!(again.seen().calls.is_empty(), "the pause is in the store");
    shop.ask(Method::POST, "/v1/relay/resume", &Value::Null)
        .await;
    let log = positions(&shop.log().await);
    let seen = again.confirms(log.len() - published).await;
    assert_eq!(seen.positions(), log[published..], "nothing is lost");
    eventually(async || shop.relay().await["lag"] == 0).await;
    assert_eq!(shop.relay().await["pause"], Value::Null);
    shop.close().await;
}

#[tokio::test]
async fn the_status_tells_the_last_error_what_is_parked_and_what_stops_a_partition() {
    let (folder, wire) = (folder(), Wire::away());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    let view = shop.relay().await;
    assert_eq!((&view["lag"], &view["replay"]), (&json!(0), &Value::Null));
    shop.stock().await;
    let told = |view: &Value| view["lastError"]["text"].as_str().map(str::to_owned);
    eventually(async || told(&shop.relay().await).as_deref() == Some("wire: away")).await;
    shop.close().await;

    let stuck =
        Wire::scripted(|_| waybill_broker::publisher::Published::Impossible("too large".into()));
    let shop = Shop::open(folder.path(), "api,relay", &stuck, &[]).await;
    eventually(async || shop.relay().await["parkedKeys"] == 1).await;
    shop.order().await;
    eventually(async || shop.relay().await["partitions"][0]["parkedKeys"] == 2).await;
    let end = shop.log().await.last().expect("events").position;
    shop.close().await;

    write_plain_log(&folder);
    let shop = Shop::open(folder.path(), "api", &stuck, &[]).await;
    shop.order().await;
    shop.close().await;
    let database = rusqlite::Connection::open(folder.path().join("data/waybill.db"));
    let retype = "UPDATE events SET type = 'order.sung' WHERE position = ?1";
    let changed = database
        .expect("the file is there")
        .execute(retype, [end + 1]);
    assert_eq!(changed.expect("written"), 1);
    let shop = Shop::open(folder.path(), "relay", &stuck, &[]).await;
    eventually(async || {
        let view = shop.relay().await;
        let stopped = view["partitions"][0]["stopped"]
            .as_str()
            .unwrap_or_default();
        stopped.contains("order.sung")
    })
    .await;
    shop.close().await;
}

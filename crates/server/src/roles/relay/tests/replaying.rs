//! A stretch of the log is published again, in order per order, beside new events and without moving the cursor.

use http::Method;
use serde_json::{Value, json};
use waybill_broker::publisher::Published;

use super::wire::Wire;
use super::{Shop, eventually, folder, positions, positions_of};

const PATH: &str = "/v1/relay/replay";

/// A process that has published stock and three orders with a hold each, one event a batch.
async fn published(folder: &std::path::Path, wire: &std::sync::Arc<Wire>) -> (Shop, Vec<String>) {
    let one = [("relay.batch_limit", "1")];
    let shop = Shop::open(folder, "api,relay", wire, &one).await;
    shop.stock().await;
    let mut orders = vec![];
    for _ in 0..3 {
        orders.push(shop.order().await);
    }
    for order in &orders {
        shop.hold(order).await;
    }
    wire.confirms(10).await;
    let end = shop.log().await.last().expect("events").position;
    eventually(async || shop.cursor().await == end).await;
    (shop, orders)
}

async fn done(shop: &Shop) -> Value {
    eventually(async || shop.relay().await["replay"]["done"] == true).await;
    shop.relay().await["replay"].clone()
}

#[tokio::test]
async fn everything_is_sent_again_in_its_order_and_the_cursor_stays() {
    let (folder, wire) = (folder(), Wire::open());
    let (shop, orders) = published(folder.path(), &wire).await;
    let log = positions(&shop.log().await);
    let asked = shop.ask(Method::POST, PATH, &json!({"from": 0})).await;
    assert_eq!(
        (&asked["replay"]["done"], &asked["replay"]["sent"]),
        (&json!(false), &json!(0))
    );
    let young = shop.order().await;
    let replay = done(&shop).await;
    assert_eq!(
        (&replay["sent"], &replay["leftOut"]),
        (&json!(10), &json!(0))
    );
    assert_eq!(replay["id"], asked["replay"]["id"]);
    let seen = wire.until(|seen| seen.of(&young).len() == 2).await;
    assert_eq!(seen.replayed(), log);
    let young = positions_of(&shop.log().await, &young);
    assert!(
        young.iter().all(|at| seen.positions().contains(at)),
        "new ones go on"
    );
    let id = format!("replay-{}", replay["id"].as_str().expect("an id"));
    let resent = seen.confirmed.iter().filter_map(|c| c.resend.as_ref());
    assert!(resent.clone().all(|resend| *resend == id) && resent.count() == 10);
    eventually(async || shop.cursor().await == young[1]).await;

    let only = json!({"orderId": orders[1]});
    shop.ask(Method::POST, PATH, &only).await;
    done(&shop).await;
    let replayed = wire.seen().replayed().split_off(10);
    assert_eq!(replayed, positions_of(&shop.log().await, &orders[1]));

    let log = shop.log().await;
    let since = log[6].recorded_at;
    let again = json!({"from": since.to_string(), "to": log[8].position});
    shop.ask(Method::POST, PATH, &again).await;
    done(&shop).await;
    let replayed = wire.seen().replayed().split_off(13);
    let expected = log[..9].iter().filter(|e| e.recorded_at >= since);
    let expected: Vec<i64> = expected.map(|e| e.position).collect();
    assert_eq!(replayed, expected);
    shop.close().await;
}

#[tokio::test]
async fn a_replay_goes_on_where_it_was_after_a_restart_and_while_the_broker_is_away() {
    let (folder, wire) = (folder(), Wire::open());
    let (shop, _) = published(folder.path(), &wire).await;
    let log = positions(&shop.log().await);
    let fifth = log[4];
    wire.now(move |message| {
        if message.resend.is_some() && message.event.position >= fifth {
            return Published::Later("away".into());
        }
        Published::Confirmed
    });
    shop.ask(Method::POST, PATH, &json!({"from": log[1]})).await;
    wire.until(|seen| seen.refused.contains(&fifth)).await;
    assert_eq!(wire.seen().replayed(), log[1..4]);
    let (status, problem) = shop
        .send(Method::POST, PATH, &json!({"from": 0}), "two")
        .await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("replay_under_way"))
    );
    shop.close().await;

    let again = Wire::open();
    let shop = Shop::open(folder.path(), "api,relay", &again, &[]).await;
    let replay = done(&shop).await;
    assert_eq!(again.seen().replayed(), log[4..], "not from its beginning");
    assert_eq!(replay["sent"], 9);
    let before = &replay["partitions"][0];
    assert_eq!(
        (&before["after"], &before["at"]),
        (&json!(log[0]), &json!(log[9]))
    );
    shop.close().await;
}

#[tokio::test]
async fn an_order_with_parked_events_is_left_out_and_a_request_is_done_once_per_key() {
    let (folder, wire) = (folder(), Wire::open());
    let (shop, orders) = published(folder.path(), &wire).await;
    let stuck = orders[0].clone();
    wire.now(move |message| {
        if message.key().to_string() == stuck {
            return Published::Impossible("too large".into());
        }
        Published::Confirmed
    });
    shop.hold(&orders[0]).await;
    eventually(async || shop.relay().await["parkedKeys"] == 1).await;
    let body = json!({"from": 0});
    let (status, first) = shop.send(Method::POST, PATH, &body, "once").await;
    assert_eq!(status, 202, "{first}");
    let replay = done(&shop).await;
    assert_eq!(
        (&replay["sent"], &replay["leftOut"]),
        (&json!(7), &json!(4))
    );
    let of_stuck = positions_of(&shop.log().await, &orders[0]);
    assert!(
        wire.seen()
            .replayed()
            .iter()
            .all(|at| !of_stuck.contains(at))
    );
    let (status, second) = shop.send(Method::POST, PATH, &body, "once").await;
    assert_eq!((status, &second), (202, &first));
    assert_eq!(shop.relay().await["replay"]["sent"], 7, "not done again");
    let nothing = json!({"from": 9_000});
    let asked = shop.ask(Method::POST, PATH, &nothing).await;
    assert_eq!(asked["replay"]["done"], true, "nothing was published there");
    for (body, code) in [
        (json!({}), "required"),
        (json!({"from": -1}), "wrong_type"),
        (json!({"from": "yesterday"}), "invalid_time"),
        (json!({"from": 0, "partition": 1}), "wrong_type"),
        (json!({"orderId": "x"}), "invalid_id"),
    ] {
        let (status, problem) = shop.send(Method::POST, PATH, &body, code).await;
        assert_eq!(
            (status / 100, &problem["code"]),
            (4, &json!(code)),
            "{body}"
        );
    }
    let unknown = json!({"orderId": "018f0000-0000-7000-8000-000000000000"});
    let (status, _) = shop.send(Method::POST, PATH, &unknown, "unknown").await;
    assert_eq!(status, 404);
    shop.close().await;
}

//! The rules of `deploy/alerts.yaml` for the relay: the fault of each moves its metric past the threshold, and back when it
//! is over.

use http::Method;
use serde_json::Value;
use waybill_broker::publisher::Published;

use super::wire::Wire;
use super::{Shop, folder};
use crate::observe::alert_rule::Rule;

#[tokio::test]
async fn a_broker_that_is_away_raises_the_alert_until_it_takes_a_message() {
    let rule = Rule::of("WaybillRelayBrokerAway", "waybill_relay_broker_away");
    let (folder, wire) = (folder(), Wire::away());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    assert!(rule.value(&shop.router).await <= rule.threshold);
    shop.stock().await;
    rule.fires(&shop.router).await;
    wire.now(|_| Published::Confirmed);
    rule.is_quiet(&shop.router).await;
    shop.close().await;
}

#[tokio::test]
async fn an_event_that_the_broker_refuses_raises_the_alert_until_it_is_redriven() {
    let rule = Rule::of("WaybillRelayParked", "waybill_relay_parked_keys");
    let wire = Wire::scripted(|_| Published::Impossible("too large".into()));
    let folder = folder();
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.stock().await;
    rule.fires(&shop.router).await;
    wire.until(|seen| seen.refused.len() >= 6).await;
    wire.now(|_| Published::Confirmed);
    shop.flag("redrive").await;
    rule.is_quiet(&shop.router).await;
    shop.close().await;
}

#[tokio::test]
async fn a_pause_raises_the_alert_until_the_relay_is_resumed() {
    let rule = Rule::of("WaybillRelayPaused", "waybill_relay_paused");
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.ask(Method::POST, "/v1/relay/pause", &Value::Null)
        .await;
    rule.fires(&shop.router).await;
    shop.ask(Method::POST, "/v1/relay/resume", &Value::Null)
        .await;
    rule.is_quiet(&shop.router).await;
    shop.close().await;
}

#[tokio::test]
async fn an_old_event_that_is_not_published_raises_the_alert_until_it_is() {
    let lag = "waybill_consumer_lag_seconds{name=\"relay\"}";
    let rule = Rule::of("WaybillRelayLag", lag);
    let (folder, wire) = (folder(), Wire::away());
    let shop = Shop::open(folder.path(), "api", &wire, &[]).await;
    shop.stock().await;
    shop.close().await;
    let database = rusqlite::Connection::open(folder.path().join("data/waybill.db"));
    let earlier = "UPDATE events SET recorded_at = recorded_at - 90000000";
    let changed = database.expect("the file is there").execute(earlier, []);
    assert_eq!(changed.expect("written"), 1);
    let shop = Shop::open(folder.path(), "relay", &wire, &[]).await;
    rule.fires(&shop.router).await;
    wire.now(|_| Published::Confirmed);
    rule.is_quiet(&shop.router).await;
    shop.close().await;
}

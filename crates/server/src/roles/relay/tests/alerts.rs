//! The rules of `deploy/alerts.yaml` for the relay: the fault of each moves its metric past the threshold, and back when it
//! is over.

use http::Method;
use serde_json::Value;
use waybill_broker::publisher::Published;

use super::wire::Wire;
use super::{Shop, eventually, folder};

/// The metric of a rule with its labels, and the threshold that it is above when the rule fires.
struct Rule {
    series: &'static str,
    threshold: f64,
}

fn rule(alert: &str, series: &'static str) -> Rule {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/alerts.yaml");
    let file = std::fs::read_to_string(file).expect("the rules");
    let rules = file.split("- alert: ").find(|rule| rule.starts_with(alert));
    let expr = rules
        .expect("the rule")
        .lines()
        .find(|line| line.contains("expr: "));
    let expr = expr.expect("an expression");
    let name = series.split('{').next().unwrap_or(series);
    assert!(expr.contains(name), "{alert} reads {name}: {expr}");
    let (_, threshold) = expr.rsplit_once(" > ").expect("a comparison");
    Rule {
        series,
        threshold: threshold.trim().parse().expect("a number"),
    }
}

impl Rule {
    async fn value(&self, shop: &Shop) -> f64 {
        use tower::ServiceExt;
        let request = http::Request::builder().uri("/metrics");
        let request = request.header("host", "localhost");
        let request = request.body(axum::body::Body::empty()).expect("valid");
        let answer = shop.router.clone().oneshot(request).await;
        let body = axum::body::to_bytes(answer.expect("infallible").into_body(), 1 << 24);
        let body = body.await.expect("whole");
        let text = String::from_utf8_lossy(&body);
        let line = text.lines().find_map(|line| line.strip_prefix(self.series));
        line.map_or(0.0, |value| value.trim().parse().expect("a number"))
    }

    async fn fires(&self, shop: &Shop) {
        eventually(async || self.value(shop).await > self.threshold).await;
    }

    async fn is_quiet(&self, shop: &Shop) {
        eventually(async || self.value(shop).await <= self.threshold).await;
    }
}

#[tokio::test]
async fn a_broker_that_is_away_raises_the_alert_until_it_takes_a_message() {
    let rule = rule("WaybillRelayBrokerAway", "waybill_relay_broker_away");
    let (folder, wire) = (folder(), Wire::away());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    assert!(rule.value(&shop).await <= rule.threshold);
    shop.stock().await;
    rule.fires(&shop).await;
    wire.now(|_| Published::Confirmed);
    rule.is_quiet(&shop).await;
    shop.close().await;
}

#[tokio::test]
async fn an_event_that_the_broker_refuses_raises_the_alert_until_it_is_redriven() {
    let rule = rule("WaybillRelayParked", "waybill_relay_parked_keys");
    let wire = Wire::scripted(|_| Published::Impossible("too large".into()));
    let folder = folder();
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.stock().await;
    rule.fires(&shop).await;
    wire.until(|seen| seen.refused.len() >= 6).await;
    wire.now(|_| Published::Confirmed);
    shop.flag("redrive").await;
    rule.is_quiet(&shop).await;
    shop.close().await;
}

#[tokio::test]
async fn a_pause_raises_the_alert_until_the_relay_is_resumed() {
    let rule = rule("WaybillRelayPaused", "waybill_relay_paused");
    let (folder, wire) = (folder(), Wire::open());
    let shop = Shop::open(folder.path(), "api,relay", &wire, &[]).await;
    shop.ask(Method::POST, "/v1/relay/pause", &Value::Null)
        .await;
    rule.fires(&shop).await;
    shop.ask(Method::POST, "/v1/relay/resume", &Value::Null)
        .await;
    rule.is_quiet(&shop).await;
    shop.close().await;
}

#[tokio::test]
async fn an_old_event_that_is_not_published_raises_the_alert_until_it_is() {
    let lag = "waybill_consumer_lag_seconds{name=\"relay\"}";
    let rule = rule("WaybillRelayLag", lag);
    let (folder, wire) = (folder(), Wire::away());
    let shop = Shop::open(folder.path(), "api", &wire, &[]).await;
    shop.stock().await;
    shop.close().await;
    let database = rusqlite::Connection::open(folder.path().join("data/waybill.db"));
    let earlier = "UPDATE events SET recorded_at = recorded_at - 90000000";
    let changed = database.expect("the file is there").execute(earlier, []);
    assert_eq!(changed.expect("written"), 1);
    let shop = Shop::open(folder.path(), "relay", &wire, &[]).await;
    rule.fires(&shop).await;
    wire.now(|_| Published::Confirmed);
    rule.is_quiet(&shop).await;
    shop.close().await;
}

//! `GET /api/metrics` and the health answers.

use serde_json::Value;

use super::{demo, example, placed};

#[tokio::test]
async fn metrics_have_every_field_of_the_contract() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    placed(&mut client, &example()).await;
    let answer = client.get("/api/metrics").await.expect("an answer");
    assert_eq!(answer.status, 200);
    let body: Value = answer.json();
    assert!(body["timestamp"].is_string(), "{body}");
    for field in ["totalConnections", "idleConnections", "waitingCount"] {
        assert!(body["database"][field].is_u64(), "{field}: {body}");
    }
    for field in ["used", "total"] {
        assert!(body["memory"][field].is_number(), "{field}: {body}");
    }
    assert!(
        body["memory"]["usage"]
            .as_str()
            .is_some_and(|usage| usage.ends_with('%')),
        "{body}"
    );
    assert!(body["uptime"].is_number(), "{body}");
    assert!(
        body["process"]["pid"].is_u64() && body["process"]["version"].is_string(),
        "{body}"
    );
    assert_eq!(body["orders"]["total"], 1, "{body}");
    assert_eq!(body["circuitBreaker"]["state"], "closed", "{body}");
    assert!(
        body["outbox"]["pending"].is_u64() && body["requests"]["total"].is_u64(),
        "{body}"
    );
}

#[tokio::test]
async fn health_has_every_field_and_needs_no_token() {
    let app = demo().ready().await.expect("ready");
    let mut anyone = waybill_testkit::http::Client::new(app.address());
    let health = anyone.get("/health").await.expect("an answer");
    assert_eq!(health.status, 200);
    let health: Value = health.json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["services"]["database"], "up");
    assert_eq!(health["services"]["api"], "up");
    assert_eq!(health["dependencies"]["database"], true);
    for field in ["timestamp", "version", "service"] {
        assert!(health[field].is_string(), "{field}: {health}");
    }
    assert!(health["uptime"].is_number());
    let live = anyone.get("/health/live").await.expect("an answer");
    assert_eq!(
        (live.status.as_u16(), live.text()),
        (200, r#"{"status":"alive"}"#.to_owned())
    );
    let ready = anyone.get("/health/ready").await.expect("an answer");
    assert_eq!(
        (ready.status.as_u16(), ready.text()),
        (200, r#"{"status":"ready"}"#.to_owned())
    );
}

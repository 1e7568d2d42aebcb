//! Connections and streams: each client has its share, and health has places of its own.

use serde_json::{Value, json};
use waybill_testkit::raw::Raw;
use waybill_testkit::server::Waybill;

use super::{connect, demo, head, is_alive, until};

/// A connection that was answered once and is kept.
async fn kept(app: &Waybill) -> Raw {
    let mut raw = connect(app).await;
    raw.send(head("GET /health/live", "idle", ""))
        .await
        .expect("sent");
    assert_eq!(raw.answer().await.expect("an answer").status, 200);
    raw
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_of_one_address_leave_places_to_others_and_health_always_has_some() {
    let app = demo()
        .env("WAYBILL_SERVER__MAX_CONNECTIONS", "20")
        .env("WAYBILL_SERVER__CLIENT_SHARE", "0.5")
        .env("WAYBILL_SERVER__HEALTH_CONNECTIONS", "4")
        .ready()
        .await
        .expect("ready");
    let mut idle = vec![];
    for _ in 0..10 {
        idle.push(kept(&app).await);
    }
    // More than the places for health, all silent.
    let mut silent = vec![];
    for _ in 0..10 {
        silent.push(connect(&app).await);
    }
    assert!(is_alive(&app).await);
    for (path, told) in [
        ("GET /v1/orders", json!("too_many_connections")),
        ("GET /api/orders/1", Value::Null),
    ] {
        let mut raw = connect(&app).await;
        raw.send(head(path, "c", "")).await.expect("sent");
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.json()["code"], told);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("connection"), Some("close"));
        if told.is_null() {
            assert_eq!(answer.json()["error"], "Service Temporarily Unavailable");
        }
    }
    let other = Raw::connect_from("127.0.0.2", app.address()).await;
    let mut other = other.expect("connected");
    other
        .send(head("GET /v1/orders", "c", ""))
        .await
        .expect("sent");
    assert_eq!(other.answer().await.expect("an answer").status, 200);
    for raw in silent {
        let told = raw.rest().await;
        assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    }
    // One that goes makes room for the next.
    idle.pop();
    until("there is a place", async || {
        app.client()
            .get("/v1/orders")
            .await
            .is_ok_and(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_one_token_leave_places_to_others() {
    let app = demo()
        .env("WAYBILL_SERVER__MAX_STREAMS", "10")
        .env("WAYBILL_SERVER__CLIENT_SHARE", "0.5")
        .ready()
        .await
        .expect("ready");
    let order = json!({"currency":"EUR","lines":[{"sku":"a","quantity":1,"unitPrice":"1"}]});
    let placed = app.place("k", &order).await.expect("an answer");
    let id = placed.json::<Value>()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("GET /v1/orders/{id}/stream");
    let open = async |client: &str| {
        let mut raw = connect(&app).await;
        raw.send(head(&path, client, "")).await.expect("sent");
        let answer = raw.answer().await.expect("an answer");
        (raw, answer)
    };
    let mut streams = vec![];
    for _ in 0..5 {
        let (raw, answer) = open("greedy").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        streams.push(raw);
    }
    let (_, answer) = open("greedy").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json()["code"], "too_many_streams");
    assert_eq!(open("modest").await.1.status, 200);
    drop(streams.pop());
    until("the stream's place is given back", async || {
        open("greedy").await.1.status == 200
    })
    .await;
}

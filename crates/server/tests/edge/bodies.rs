//! All bodies under way share a bounded memory.

use serde_json::json;
use waybill_testkit::raw::Raw;
use waybill_testkit::server::Waybill;

use super::{connect, demo, head, until};

const MIB: usize = 1 << 20;

/// A body that is as large as one may be, of which all but the end has been sent.
async fn slow_body(app: &Waybill, path: &str, client: &str) -> Raw {
    let lines = format!("Content-Length: {MIB}\r\nIdempotency-Key: slow\r\n");
    let mut raw = connect(app).await;
    raw.send(head(&format!("POST {path}"), client, &lines))
        .await
        .expect("sent");
    // A client that is refused meanwhile stops.
    let _refused = raw.send(vec![b' '; MIB - 1]).await;
    raw
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_beyond_the_memory_for_all_are_told_to_come_back_and_small_orders_go_on() {
    let app = demo()
        .env("WAYBILL_SERVER__BODY_MEMORY_BYTES", (4 * MIB).to_string())
        .env("WAYBILL_SERVER__CLIENT_SHARE", "1")
        .ready()
        .await
        .expect("ready");
    let mut slow = vec![];
    for n in 0..4 {
        slow.push(slow_body(&app, "/v1/orders", &format!("slow-{n}")).await);
    }
    until("the memory is taken", async || {
        app.metric("waybill_http_body_bytes")
            .await
            .expect("a figure")
            == 4 * MIB as i64
    })
    .await;
    let answer = refused(&app, "/v1/orders").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json()["code"], "too_many_bodies");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let answer = refused(&app, "/api/orders").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json()["error"], "Service Temporarily Unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    // An order that arrives with its head needs no more.
    let order = json!({"currency":"EUR","lines":[{"sku":"a","quantity":1,"unitPrice":"1"}]});
    let answer = app.place("k", &order).await.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    // The first client's body is read to its end, and its memory is free again.
    for mut raw in slow {
        raw.send(" ").await.expect("sent");
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(answer.json()["code"], "malformed_json");
    }
    until("the memory is given back", async || {
        app.metric("waybill_http_body_bytes")
            .await
            .expect("a figure")
            == 0
    })
    .await;
}

/// The answer to another client's body while there is no memory.
async fn refused(app: &Waybill, path: &str) -> waybill_testkit::raw::RawAnswer {
    let mut raw = slow_body(app, path, "late").await;
    raw.answer().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_has_its_share_of_that_memory_and_leaves_the_rest_to_others() {
    let app = demo()
        .env("WAYBILL_SERVER__BODY_MEMORY_BYTES", (8 * MIB).to_string())
        .env("WAYBILL_SERVER__CLIENT_SHARE", "0.25")
        .ready()
        .await
        .expect("ready");
    let mut slow = vec![];
    for _ in 0..2 {
        slow.push(slow_body(&app, "/v1/orders", "greedy").await);
    }
    until("the share is taken", async || {
        app.metric("waybill_http_body_bytes")
            .await
            .expect("a figure")
            == 2 * MIB as i64
    })
    .await;
    let mut more = slow_body(&app, "/v1/orders", "greedy").await;
    let answer = more.answer().await.expect("an answer");
    assert_eq!(answer.status, 503, "{answer:?}");
    let detail = answer.json()["detail"]
        .as_str()
        .expect("a detail")
        .to_owned();
    assert!(detail.contains("server.client_share"), "{detail}");
    let mut other = slow_body(&app, "/v1/orders", "modest").await;
    other.send(" ").await.expect("sent");
    let answer = other.answer().await.expect("an answer");
    assert_eq!(answer.status, 400, "it was read: {answer:?}");
}

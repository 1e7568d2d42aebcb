//! nginx in front, with the configuration that is shipped: orders pass, streams are not held back.

use serde_json::{Value, json};
use waybill::config::{Profile, Settings};
use waybill_testkit::http::Client;
use waybill_testkit::nginx::Nginx;
use waybill_testkit::raw::Raw;
use waybill_testkit::token;
use waybill_testkit::unavailable::or_skip;

use super::{demo, head};

const SITE: &str = include_str!("../../../../deploy/nginx.conf");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_and_streams_pass_through_nginx() {
    let app = demo().ready().await.expect("ready");
    let Some(nginx) = or_skip(Nginx::in_front_of(app.address(), SITE)) else {
        return;
    };
    let token = token::demo_for("default", "testkit");
    let mut client = Client::new(nginx.address()).with_token(&token);
    let order = json!({"currency":"EUR","lines":[{"sku":"a","quantity":1,"unitPrice":"1"}]});
    let mut ids = vec![];
    for n in 0..10 {
        let key = format!("k{n}");
        let headers = [("idempotency-key", key.as_str())];
        let body = order.to_string().into();
        let answer = client.send(http::Method::POST, "/v1/orders", &headers, body);
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        let order: Value = answer.json();
        ids.push(order["id"].as_str().expect("an id").to_owned());
    }
    // The order's steps so far come at once, though the stream does not end.
    let mut raw = Raw::connect(nginx.address()).await.expect("connected");
    let path = format!("GET /v1/orders/{}/stream", ids[0]);
    raw.send(head(&path, "testkit", "")).await.expect("sent");
    let begun = raw
        .until("order.confirmed")
        .await
        .expect("the stream has the event");
    assert!(begun.starts_with("HTTP/1.1 200 "), "{begun}");
}

#[test]
fn nginx_lets_go_of_a_connection_before_waybill_does_and_takes_bodies_as_large() {
    let server = Settings::of_profile(Profile::Standard).server;
    let value = |name: &str| {
        let line = SITE.lines().find_map(|line| line.trim().strip_prefix(name));
        line.expect("it is set")
            .trim()
            .trim_end_matches(';')
            .to_owned()
    };
    let kept: u64 = value("keepalive_timeout")
        .trim_end_matches('s')
        .parse()
        .expect("seconds");
    assert!(kept * 1_000 < server.idle_timeout_ms.get());
    assert_eq!(value("client_max_body_size"), "1m");
    assert_eq!(server.body_limit_bytes, 1 << 20);
}

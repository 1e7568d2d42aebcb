//! The front door itself: unknown paths, methods, browsers, the specification, the page, the figures.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_domain::trace::TraceParent;
use waybill_testkit::http::Client;
use waybill_testkit::server::Start;

use crate::shop::{NEVER, Shop, id, small};

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let shop = Shop::open(NEVER).await;
    let answer = shop.get("/nowhere").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json::<Value>()["code"]),
        (404, &json!("not_found"))
    );
    let answer = shop.ask(Method::DELETE, "/v1/orders", &Value::Null).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json::<Value>()["code"]),
        (405, &json!("method_not_allowed"))
    );
    assert!(
        answer
            .header("allow")
            .is_some_and(|allow| allow.contains("POST"))
    );
    let answer = shop.get("/v1/orders/%ff").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json::<Value>()["code"]),
        (400, &json!("invalid_path"))
    );
    let mut client = shop.client("default", "admin");
    let answer = client
        .send(Method::HEAD, "/v1/orders", &[], Bytes::new())
        .await
        .expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("server"), None);
}

#[tokio::test]
async fn a_correlation_id_is_taken_or_made() {
    let shop = Shop::open(NEVER).await;
    let headers = [("x-correlation-id", "mine-7")];
    let answer = shop
        .ask_with(Method::GET, "/v1/orders/7", &headers, &Value::Null)
        .await;
    assert_eq!(
        (
            answer.header("x-correlation-id"),
            &answer.json::<Value>()["correlationId"]
        ),
        (Some("mine-7"), &json!("mine-7"))
    );
}

/// The trace of the events of an order that was placed with these headers.
async fn trace_of(shop: &Shop, key: &str, headers: &[&str]) -> String {
    let mut all = vec![("idempotency-key", key), ("x-correlation-id", key)];
    all.extend(headers.iter().map(|value| ("traceparent", *value)));
    let placed = shop
        .ask_with(Method::POST, "/v1/orders", &all, &small("a", 1))
        .await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let path = format!("/v1/orders/{}/events", id(&placed.json()));
    let page: Value = shop.get(&path).await.json();
    let events = page["items"].as_array().expect("a list");
    assert!(events.len() >= 2, "{page}");
    for event in events {
        assert_eq!(event["correlationId"], key, "{event}");
        assert_eq!(event["schemaVersion"], 1, "{event}");
        assert_eq!(event["traceparent"], events[0]["traceparent"]);
    }
    let trace = events[0]["traceparent"].as_str().expect("a trace");
    trace.to_owned()
}

#[tokio::test]
async fn a_trace_is_taken_if_it_is_valid_and_made_otherwise() {
    let shop = Shop::open(NEVER).await;
    let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_eq!(trace_of(&shop, "given", &[given]).await, given);
    let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
    assert_eq!(trace_of(&shop, "later", &[later]).await, given);
    let zeros = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
    let mut made = BTreeSet::new();
    for (key, headers) in [
        ("none", &[][..]),
        ("twice", &[given, given]),
        ("zeros", &[&*zeros]),
        ("upper", &[&*given.to_uppercase()]),
        ("empty", &[""]),
    ] {
        let trace = trace_of(&shop, key, headers).await;
        let is_new = trace != given && TraceParent::parse(&trace).is_some();
        assert!(is_new && made.insert(trace.clone()), "{key}: {trace}");
    }
}

#[tokio::test]
async fn browsers_of_the_origins_in_the_settings_may_call_and_no_others() {
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill")).as_in(env!("CARGO_CRATE_NAME"));
    let shop = Shop::start(start.env("WAYBILL_SERVER__CORS_ORIGINS", "https://shop.example")).await;
    let asks = |origin: &'static str| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
        ]
    };
    let mut client = Client::new(shop.0.address());
    let answer = client
        .send(
            Method::OPTIONS,
            "/v1/orders",
            &asks("https://shop.example"),
            Bytes::new(),
        )
        .await
        .expect("an answer");
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.header("access-control-allow-origin")
        ),
        (204, Some("https://shop.example"))
    );
    assert!(
        answer
            .header("access-control-allow-headers")
            .is_some_and(|h| h.contains("idempotency-key"))
    );
    let answer = client
        .send(
            Method::OPTIONS,
            "/v1/orders",
            &asks("https://evil.example"),
            Bytes::new(),
        )
        .await
        .expect("an answer");
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.header("access-control-allow-origin")
        ),
        (405, None)
    );
    let answer = shop
        .ask_with(
            Method::GET,
            "/v1/orders",
            &[("origin", "https://shop.example")],
            &Value::Null,
        )
        .await;
    assert!(
        answer
            .header("access-control-expose-headers")
            .is_some_and(|h| h.contains("etag"))
    );
}

#[tokio::test]
async fn the_specification_describes_every_answer_and_the_page_needs_no_internet() {
    let shop = Shop::open(NEVER).await;
    let specification: Value = shop.get("/openapi.json").await.json();
    assert!(
        specification["openapi"]
            .as_str()
            .is_some_and(|v| v.starts_with("3.1"))
    );
    for path in [
        "/health",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/api/orders",
        "/api/orders/{order_id}",
        "/api/orders/{order_id}/simulate-delivery",
        "/api/metrics",
    ] {
        assert!(
            specification["paths"][path].is_object(),
            "{path} is not described"
        );
    }
    assert_eq!(
        specification["components"]["securitySchemes"]["token"]["scheme"],
        "bearer"
    );
    let codes = specification["components"]["schemas"]["Code"]["enum"]
        .as_array()
        .expect("codes");
    assert!(codes.contains(&json!("insufficient_stock")));
    assert_references_lead_somewhere(&specification, &specification);
    let example = &specification["paths"]["/v1/orders"]["post"]["requestBody"]["content"]["application/json"]
        ["examples"]["full"]["value"];
    assert_eq!(
        shop.place("k", example).await.status,
        201,
        "the example is an order"
    );

    let page = shop.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .is_some_and(|p| p.contains("script-src 'self'"))
    );
    assert!(
        !page.text().contains("src=\"http") && !page.text().contains("href=\"http"),
        "{}",
        page.text()
    );
    let script = shop.get("/docs/swagger-initializer.js").await;
    assert!(script.text().contains("/openapi.json"));
    assert_eq!(shop.get("/docs/swagger-ui-bundle.js").await.status, 200);
}

fn assert_references_lead_somewhere(value: &Value, whole: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let place = reference.strip_prefix('#').expect("a local reference");
                assert!(whole.pointer(place).is_some(), "{reference} leads nowhere");
            }
            members
                .values()
                .for_each(|member| assert_references_lead_somewhere(member, whole));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| assert_references_lead_somewhere(item, whole)),
        _ => {}
    }
}

#[tokio::test]
async fn figures_are_told_to_people_and_to_machines() {
    let shop = Shop::open(NEVER).await;
    shop.placed("k", &small("a", 1)).await;
    let names = [
        "waybill_http_requests_total{",
        "waybill_orders{name=\"",
        "waybill_consumer_lag_events{name=\"status\"}",
        "waybill_consumer_lag_seconds{name=\"delivery\"}",
        "waybill_store_wal_bytes",
        "waybill_dead_letters 0",
        "waybill_inventory_breaker_state{name=\"closed\"} 1",
        "waybill_build_info{",
        "waybill_timers",
    ];
    // The lag of a consumer is reported once the consumer has a position.
    let begun = Instant::now();
    let text = loop {
        let text = shop.get("/metrics").await.text();
        let Some(missing) = names.iter().find(|name| !text.contains(**name)) else {
            break text;
        };
        let in_time = begun.elapsed() < Duration::from_secs(30);
        assert!(in_time, "{missing} is missing in\n{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(text.ends_with("# EOF\n"));
    let figures: Value = shop.get("/api/metrics").await.json();
    assert_eq!(
        (
            &figures["orders"]["total"],
            &figures["circuitBreaker"]["state"]
        ),
        (&json!(1), &json!("closed"))
    );
    assert!(
        figures["memory"]["usage"]
            .as_str()
            .is_some_and(|u| u.ends_with('%'))
    );
    assert!(
        figures["database"]["totalConnections"].as_u64() > Some(0)
            && figures["process"]["pid"].is_u64()
    );
    let stranger = Client::new(shop.0.address())
        .get("/api/metrics")
        .await
        .expect("an answer");
    assert_eq!(stranger.status, 401);
}

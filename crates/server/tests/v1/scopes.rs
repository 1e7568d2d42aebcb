//! Which scope opens which route: the table, and that nothing else opens it.

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use waybill_testkit::http::Client;
use waybill_testkit::token;

use crate::shop::{NEVER, Shop, id, small};

const ALL: &[&str] = &[
    "order:create",
    "order:read",
    "order:cancel",
    "order:write",
    "order:stream",
    "stock:read",
    "stock:write",
    "shipment:read",
    "shipment:write",
    "deadletter:read",
    "deadletter:write",
    "metrics:read",
];

/// Each route with the scopes that open it.
const TABLE: &[(&str, &str, &[&str])] = &[
    ("POST", "/v1/orders", &["order:create"]),
    ("GET", "/v1/orders", &["order:read"]),
    ("GET", "/v1/orders/snapshot", &["order:read"]),
    ("GET", "/v1/orders/{id}", &["order:read"]),
    ("GET", "/v1/orders/{id}/events", &["order:read"]),
    ("GET", "/v1/orders/{id}/transitions", &["order:read"]),
    (
        "GET",
        "/v1/orders/{id}/stream",
        &["order:read", "order:stream"],
    ),
    ("POST", "/v1/orders/{id}/cancel", &["order:cancel"]),
    ("POST", "/v1/orders/{id}/holds", &["order:write"]),
    (
        "POST",
        "/v1/orders/{id}/holds/{hold}/release",
        &["order:write"],
    ),
    ("GET", "/v1/events", &["order:read"]),
    ("GET", "/v1/stock", &["stock:read"]),
    ("PUT", "/v1/stock/{sku}", &["stock:write"]),
    ("GET", "/v1/shipments", &["shipment:read"]),
    ("GET", "/v1/shipments/{id}", &["shipment:read"]),
    ("POST", "/v1/shipments/{id}/status", &["shipment:write"]),
    ("GET", "/v1/dead-letters", &["deadletter:read"]),
    ("GET", "/v1/dead-letters/{id}", &["deadletter:read"]),
    (
        "POST",
        "/v1/dead-letters/{id}/redrive",
        &["deadletter:write"],
    ),
    (
        "POST",
        "/v1/dead-letters/{id}/discard",
        &["deadletter:write"],
    ),
];

/// A route of nothing that exists, so that whoever gets in finds nothing.
fn path(route: &str) -> String {
    let nobody = "0198c0de-0000-7000-8000-000000000001";
    route
        .replace("{id}", nobody)
        .replace("{hold}", nobody)
        .replace("{sku}", "x")
}

#[tokio::test]
async fn every_route_of_the_specification_stands_in_the_table() {
    let shop = Shop::open(NEVER).await;
    let specification: Value = shop.get("/openapi.json").await.json();
    let paths = specification["paths"].as_object().expect("paths");
    let mut described = vec![];
    for (path, item) in paths.iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for method in item.as_object().expect("an item").keys() {
            described.push((method.to_uppercase(), path.clone()));
        }
    }
    described.sort();
    let mut known: Vec<_> = TABLE
        .iter()
        .map(|(m, p, _)| ((*m).to_owned(), (*p).to_owned()))
        .collect();
    known.sort();
    assert_eq!(described, known);
}

#[tokio::test]
async fn a_route_opens_to_its_scope_and_to_no_other() {
    let shop = Shop::open(NEVER).await;
    for scope in ALL {
        let mut client = shop.client("default", scope);
        for (method, route, opens) in TABLE {
            let method: Method = method.parse().expect("a method");
            let answer = client
                .send(method.clone(), &path(route), &[], Bytes::new())
                .await;
            let answer = answer.expect("an answer");
            let may = opens.contains(scope);
            assert_eq!(
                answer.status != 403,
                may,
                "{scope}: {method} {route} answered {}",
                answer.status
            );
            if !may {
                assert_eq!(answer.json::<Value>()["code"], "insufficient_scope");
                let challenge = answer.header("www-authenticate").expect("a challenge");
                assert!(challenge.contains("insufficient_scope"), "{challenge}");
            }
        }
    }
}

#[tokio::test]
async fn no_token_and_bad_tokens_are_401_with_a_challenge_on_every_route() {
    let shop = Shop::open(NEVER).await;
    let claims = serde_json::json!({"clientId": "x", "scope": "admin"});
    let expired = serde_json::json!({"clientId": "x", "scope": "admin", "exp": 1});
    let hs256 = serde_json::json!({"alg": "HS256", "typ": "JWT"});
    let secret = token::DEMO_SECRET.as_bytes();
    for (bad, code) in [
        (None, "token_missing"),
        (Some("x.y.z".to_owned()), "token_malformed"),
        (
            Some(token::sign(&hs256, &claims, b"another secret")),
            "token_bad_signature",
        ),
        (Some(token::sign(&hs256, &expired, secret)), "token_expired"),
        (
            Some(token::sign(
                &serde_json::json!({"alg": "none"}),
                &claims,
                secret,
            )),
            "token_malformed",
        ),
    ] {
        let mut client = Client::new(shop.0.address());
        if let Some(bad) = &bad {
            client = client.with_token(bad);
        }
        for (method, route, _) in TABLE {
            let method: Method = method.parse().expect("a method");
            let answer = client
                .send(method, &path(route), &[], Bytes::new())
                .await
                .expect("an answer");
            assert_eq!(
                (
                    answer.status.as_u16(),
                    answer.json::<Value>()["code"].as_str()
                ),
                (401, Some(code)),
                "{route}"
            );
            assert!(
                answer
                    .header("www-authenticate")
                    .is_some_and(|c| c.starts_with("Bearer"))
            );
        }
    }
}

#[tokio::test]
async fn events_of_stock_are_shown_to_those_who_may_read_stock() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("MUG-1", 5).await;
    let order = id(&shop.placed("k", &small("MUG-1", 1)).await);
    for (scope, sees) in [("order:read", false), ("order:read stock:read", true)] {
        let page: Value = shop
            .client("default", scope)
            .get("/v1/events")
            .await
            .expect("an answer")
            .json();
        let items = page["items"].as_array().expect("items");
        assert!(items.iter().any(|e| e["orderId"] == order.as_str()));
        assert_eq!(
            items.iter().any(|e| e["type"] == "stock.adjusted"),
            sees,
            "{scope}"
        );
    }
}

//! Which scope opens which route: as the specification declares it, and that nothing else opens it.

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use waybill_testkit::http::Client;
use waybill_testkit::server::{Start, Waybill};
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

/// The routes that need no token; those about tokens ask for a client's secret instead.
const OPEN: &[&str] = &[
    "/auth/introspect",
    "/auth/token",
    "/health",
    "/health/live",
    "/health/ready",
];

/// What the specification says of one route.
struct Operation {
    method: Method,
    route: String,
    /// The scopes that open it, each by itself.
    opens: Vec<String>,
}

impl Operation {
    /// A path of nothing that exists, so that a caller who gets in changes nothing.
    fn path(&self) -> String {
        let nothing = "0198c0de-0000-7000-8000-000000000001";
        let names = self.route.split('/').map(|part| match part {
            "{sku}" => "x",
            _ if part.starts_with('{') => nothing,
            _ => part,
        });
        names.collect::<Vec<_>>().join("/")
    }
}

/// Every route of a specification that asks for a token.
fn guarded(specification: &Value) -> Vec<Operation> {
    let mut found = vec![];
    for (route, item) in specification["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let opens = declared(&operation["security"]);
            assert_eq!(
                opens.is_empty(),
                OPEN.contains(&route.as_str()),
                "{method} {route} declares no scope, and is not one of those open to all"
            );
            for scope in &opens {
                let is_known = ALL.contains(&scope.as_str()) || scope == "admin";
                assert!(is_known, "{route} asks for {scope}");
            }
            if !opens.is_empty() {
                found.push(Operation {
                    method: method.to_uppercase().parse().expect("a method"),
                    route: route.clone(),
                    opens,
                });
            }
        }
    }
    found
}

/// The alternatives of `security`: each must be one scope.
fn declared(security: &Value) -> Vec<String> {
    let alternatives = security.as_array().map(Vec::as_slice).unwrap_or_default();
    let scope = |alternative: &Value| {
        let scopes = alternative["token"].as_array().expect("scopes");
        assert_eq!(scopes.len(), 1, "all of them would be needed: {security}");
        scopes[0].as_str().expect("a scope").to_owned()
    };
    alternatives.iter().map(scope).collect()
}

/// A server as it runs in earnest, and what it says of its routes.
async fn in_earnest() -> (Waybill, Vec<Operation>) {
    let binary = env!("CARGO_BIN_EXE_waybill");
    let start = Start::standard(binary, "api,delivery,status,housekeeping");
    let mut app = start
        .as_in(env!("CARGO_CRATE_NAME"))
        .prepared()
        .expect("a folder");
    app.migrate().await.expect("a schema");
    app.start().await.expect("it starts");
    let mut anyone = Client::new(app.address());
    let specification = anyone.get("/openapi.json").await.expect("an answer");
    let guarded = guarded(&specification.json());
    (app, guarded)
}

#[tokio::test]
async fn every_scope_opens_the_routes_that_declare_it_and_no_other() {
    let (app, guarded) = in_earnest().await;
    assert!(guarded.len() > 20, "{} routes", guarded.len());
    for scope in ALL {
        let opened = guarded
            .iter()
            .filter(|o| o.opens.iter().any(|s| s == scope));
        assert!(opened.count() > 0, "{scope} opens nothing");
        let token = token::complete("default", scope, token::FAR_AWAY);
        let mut client = Client::new(app.address()).with_token(&token);
        for operation in &guarded {
            let asked = format!("{scope}: {} {}", operation.method, operation.route);
            let answer = client
                .send(
                    operation.method.clone(),
                    &operation.path(),
                    &[],
                    Bytes::new(),
                )
                .await;
            let answer = answer.unwrap_or_else(|why| panic!("{asked}: {why}"));
            if operation.opens.iter().any(|opens| opens == scope) {
                let status = answer.status.as_u16();
                assert!(![401, 403].contains(&status), "{asked} answered {status}");
                continue;
            }
            assert_eq!(answer.status, 403, "{asked}");
            if operation.route.starts_with("/v1/") {
                assert_eq!(answer.json::<Value>()["code"], "insufficient_scope");
                let challenge = answer.header("www-authenticate").expect("a challenge");
                assert!(challenge.contains("insufficient_scope"), "{challenge}");
            }
        }
    }
}

#[tokio::test]
async fn an_administrator_gets_in_everywhere() {
    let (app, guarded) = in_earnest().await;
    let token = token::complete("default", "admin", token::FAR_AWAY);
    let mut client = Client::new(app.address()).with_token(&token);
    for operation in &guarded {
        let method = operation.method.clone();
        let answer = client
            .send(method, &operation.path(), &[], Bytes::new())
            .await;
        let status = answer.expect("an answer").status.as_u16();
        assert!(
            ![401, 403].contains(&status),
            "{}: {status}",
            operation.route
        );
    }
}

#[tokio::test]
async fn no_token_and_bad_tokens_are_401_with_a_challenge_on_every_route() {
    let shop = Shop::open(NEVER).await;
    let specification: Value = shop.get("/openapi.json").await.json();
    let mut guarded = guarded(&specification);
    guarded.retain(|operation| operation.route.starts_with("/v1/"));
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
        for operation in &guarded {
            let route = &operation.route;
            let method = operation.method.clone();
            let answer = client
                .send(method, &operation.path(), &[], Bytes::new())
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

//! Vendors on record: added, changed, listed and removed by an operator, each tenant's own.

use http::Method;
use serde_json::{Value, json};

use super::shop::Shop;

const VENDOR: &str = "/v1/vendors/North";

#[tokio::test]
async fn a_vendor_is_added_changed_and_removed() {
    let shop = Shop::open().await;
    let (status, problem) = shop
        .send(Method::PUT, VENDOR, &json!({"priority": 1}))
        .await;
    assert_eq!((status, &problem["field"]), (400, &json!("baseUrl")));
    let body = json!({"baseUrl": "https://north.example/api/", "cost": 250, "idempotent": true});
    let (status, added) = shop.send(Method::PUT, VENDOR, &body).await;
    assert_eq!(status, 201, "{added}");
    for (member, value) in [
        ("name", json!("North")),
        ("baseUrl", json!("https://north.example/api")),
        ("priority", json!(100)),
        ("cost", json!(250)),
        ("rateLimitPerSecond", json!(50)),
        ("idempotent", json!(true)),
        ("enabled", json!(true)),
        ("version", json!(1)),
    ] {
        assert_eq!(added[member], value, "{member}");
    }
    let change = json!({"priority": 3.0, "enabled": false});
    let (status, changed) = shop.send(Method::PUT, VENDOR, &change).await;
    assert_eq!((status, &changed["priority"]), (200, &json!(3)));
    assert_eq!(
        (&changed["cost"], &changed["version"]),
        (&json!(250), &json!(2))
    );
    let listed = shop.get("/v1/vendors").await;
    assert_eq!(listed["items"][0]["name"], "North");
    let path = format!("{VENDOR}/remove");
    let (status, removed) = shop.send(Method::POST, &path, &json!({})).await;
    assert_eq!(status, 200, "{removed}");
    assert!(removed["removedAt"].is_string());
    assert_eq!(shop.get("/v1/vendors").await["items"], json!([]));
    let (status, problem) = shop.send(Method::POST, &path, &json!({})).await;
    assert_eq!(
        (status, &problem["code"]),
        (404, &json!("vendor_not_found"))
    );
    let (status, back) = shop.send(Method::PUT, VENDOR, &json!({})).await;
    assert_eq!((status, &back["version"]), (201, &json!(4)), "{back}");
}

#[tokio::test]
async fn the_same_key_again_is_answered_with_what_the_first_request_came_to() {
    let shop = Shop::open().await;
    let put = async |key: &str, body: &Value| {
        let headers = [("idempotency-key", key)];
        let body = bytes::Bytes::from(body.to_string());
        let mut admin = shop.client("default", "admin");
        let sent = admin.send(Method::PUT, VENDOR, &headers, body).await;
        let answer = sent.expect("an answer");
        let replayed = answer.header("idempotent-replayed").is_some();
        let shown: Value = answer.json();
        (answer.status.as_u16(), shown["version"].clone(), replayed)
    };
    let (added, changed) = (
        json!({"baseUrl": "https://north.example"}),
        json!({"priority": 7}),
    );
    assert_eq!(put("k-1", &added).await, (201, json!(1), false));
    assert_eq!(put("k-2", &changed).await, (200, json!(2), false));
    assert_eq!(put("k-1", &added).await, (201, json!(1), true));
    assert_eq!(put("k-2", &changed).await, (200, json!(2), true));
    assert_eq!(put("k-1", &changed).await.0, 422, "another request");
    assert_eq!(shop.get(VENDOR).await["version"], 2);
}

#[tokio::test]
async fn what_cannot_be_a_vendor_is_refused_by_field() {
    let shop = Shop::open().await;
    let url = json!("https://north.example");
    for (path, body, field) in [
        ("/v1/vendors/local", json!({"baseUrl": url}), "name"),
        ("/v1/vendors/inventory", json!({"baseUrl": url}), "name"),
        (
            VENDOR,
            json!({"baseUrl": "http://north.example"}),
            "baseUrl",
        ),
        (
            VENDOR,
            json!({"baseUrl": "https://u:p@north.example"}),
            "baseUrl",
        ),
        (VENDOR, json!({"baseUrl": "north"}), "baseUrl"),
        (VENDOR, json!({"baseUrl": url, "priority": -1}), "priority"),
        (VENDOR, json!({"baseUrl": url, "cost": 1e12}), "cost"),
        (
            VENDOR,
            json!({"baseUrl": url, "rateLimitPerSecond": 0}),
            "rateLimitPerSecond",
        ),
        (VENDOR, json!({"baseUrl": url, "cost": 0.5}), "cost"),
        (VENDOR, json!({"baseUrl": url, "prio": 1}), "prio"),
    ] {
        let (status, problem) = shop.send(Method::PUT, path, &body).await;
        assert!(matches!(status, 400 | 422), "{body}: {status} {problem}");
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    assert_eq!(shop.get("/v1/vendors").await["items"], json!([]));
}

#[tokio::test]
async fn only_an_operator_says_where_a_vendor_is_and_each_tenant_has_its_own() {
    let shop = Shop::open().await;
    let body = json!({"baseUrl": "https://north.example"});
    let mut clerk = shop.client("default", "stock:write stock:read order:create");
    let refused = shop.send_as(&mut clerk, Method::PUT, VENDOR, &body).await;
    assert_eq!(refused.0, 403, "{}", refused.1);
    let mut admin = shop.client("default", "admin");
    let added = shop.send_as(&mut admin, Method::PUT, VENDOR, &body).await;
    assert_eq!(added.0, 201, "{}", added.1);
    let mut other = shop.client("other", "admin");
    let answer = other.get(VENDOR).await.expect("an answer");
    assert_eq!(answer.status, 404);
    let listed: Value = other.get("/v1/vendors").await.expect("an answer").json();
    assert_eq!(listed["items"], json!([]));
    let path = format!("{VENDOR}/sync");
    let answer = shop
        .send_as(&mut other, Method::POST, &path, &json!({}))
        .await;
    assert_eq!(answer.0, 404);
}

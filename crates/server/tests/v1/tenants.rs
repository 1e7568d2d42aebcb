//! No tenant sees anything of another's: every route, with the other's ids, numbers, references and cursors.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::shop::{AT_ONCE, Shop, id, small};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "every route in turn")]
async fn another_tenant_finds_nothing_on_any_route() {
    let shop = Shop::open(AT_ONCE).await;
    shop.stocked("MUG-1", 5).await;
    let mut order = small("MUG-1", 1);
    order["clientReference"] = json!("web-1");
    order["orderNumber"] = json!("SHOP-1");
    let order = id(&shop.placed("k", &order).await);
    let ours = id(&shop.placed("k2", &small("MUG-1", 1)).await);
    shop.follow(&order, None).await.rest().await;
    let number = shop
        .get(&format!("/v1/orders/{ours}"))
        .await
        .json::<Value>()["orderNumber"]
        .as_str()
        .expect("a number")
        .to_owned();
    let page: Value = shop
        .get(&format!("/v1/shipments?orderId={order}"))
        .await
        .json();
    let shipment = id(&page["items"][0]);
    let events: Value = shop.get("/v1/events?limit=1").await.json();
    let cursor = events["next"].as_str().expect("a cursor");

    let mut other = shop.client("other", "admin");
    for name in [
        order.clone(),
        format!("number:{number}"),
        "number:SHOP-1".into(),
        "ref:web-1".into(),
    ] {
        for path in ["", "/events", "/transitions", "/stream"] {
            let path = format!("/v1/orders/{name}{path}");
            let answer = other.get(&path).await.expect("an answer");
            assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        }
        let hold = "0198c0de-0000-7000-8000-000000000001";
        for (path, body) in [
            ("cancel".to_owned(), "{}"),
            ("holds".into(), r#"{"reason":"manual"}"#),
            (format!("holds/{hold}/release"), ""),
        ] {
            let path = format!("/v1/orders/{name}/{path}");
            let answer = other
                .send(Method::POST, &path, &[], Bytes::from(body))
                .await
                .expect("an answer");
            assert_eq!(
                (
                    answer.status.as_u16(),
                    answer.json::<Value>()["code"].as_str()
                ),
                (404, Some("order_not_found")),
                "{path}"
            );
        }
    }
    let answer = other
        .get(&format!("/api/orders/{order}"))
        .await
        .expect("an answer");
    assert_eq!(answer.status, 404);
    assert_eq!(
        other
            .get(&format!("/v1/shipments/{shipment}"))
            .await
            .expect("an answer")
            .status,
        404
    );
    let step = Bytes::from(r#"{"status":"delivered"}"#);
    let answer = other
        .send(
            Method::POST,
            &format!("/v1/shipments/{shipment}/status"),
            &[],
            step,
        )
        .await;
    assert_eq!(answer.expect("an answer").status, 404);
    for path in [
        "/v1/orders".to_owned(),
        "/v1/orders?sku=MUG-1".into(),
        format!("/v1/shipments?orderId={order}"),
        "/v1/shipments".into(),
        "/v1/stock?sku=MUG-1".into(),
        "/v1/stock".into(),
        "/v1/dead-letters".into(),
        "/v1/events".into(),
        format!("/v1/events?after={cursor}"),
    ] {
        let answer = other.get(&path).await.expect("an answer");
        assert_eq!(
            (answer.status.as_u16(), &answer.json::<Value>()["items"]),
            (200, &json!([])),
            "{path}"
        );
    }
}

#[tokio::test]
async fn keys_references_numbers_and_skus_of_two_tenants_do_not_meet() {
    let shop = Shop::open(AT_ONCE).await;
    shop.stocked("MUG-1", 1).await;
    let mut order = small("MUG-1", 1);
    order["clientReference"] = json!("web-1");
    order["orderNumber"] = json!("SHOP-1");
    let first = id(&shop.placed("k", &order).await);
    // The stock was the first tenant's; for the other this sku is not tracked.
    let mut other = shop.client("other", "admin");
    let headers = [("idempotency-key", "k")];
    let answer = other
        .send(
            Method::POST,
            "/v1/orders",
            &headers,
            Bytes::from(order.to_string()),
        )
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(
        (answer.status.as_u16(), answer.header("idempotent-replayed")),
        (201, None),
        "{}",
        answer.text()
    );
    let second: Value = answer.json();
    assert_ne!(id(&second), first);
    assert_eq!(second["lines"][0]["vendor"], "inventory");
}

#[tokio::test]
async fn what_is_counted_over_all_tenants_is_shown_with_metrics_read_alone() {
    let shop = Shop::open(AT_ONCE).await;
    shop.placed("k", &small("a", 1)).await;
    let of_all = ["orders", "outbox", "requests"];
    let mut other = shop.client("other", "order:read");
    let figures: Value = other.get("/api/metrics").await.expect("an answer").json();
    for sums in of_all {
        assert!(figures[sums].is_null(), "{sums}: {figures}");
    }
    // What the clients of this route look for is of the process, and there.
    for own in ["timestamp", "database", "memory", "uptime", "process"] {
        assert!(!figures[own].is_null(), "{own}: {figures}");
    }
    let mut operator = shop.client("other", "metrics:read");
    let figures: Value = operator
        .get("/api/metrics")
        .await
        .expect("an answer")
        .json();
    for sums in of_all {
        assert!(figures[sums].is_object(), "{sums}: {figures}");
    }
    assert_eq!(figures["orders"]["total"], 1);
}

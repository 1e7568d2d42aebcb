//! Lists, filters, cursors, events and the feed.

use serde_json::{Value, json};

use crate::shop::{AT_ONCE, NEVER, Shop, id, small};

async fn ids(shop: &Shop, query: &str) -> Vec<String> {
    let page = shop.get(&format!("/v1/orders?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {}", page.text());
    let page: Value = page.json();
    page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(id)
        .collect()
}

#[tokio::test]
async fn a_list_shows_each_order_as_it_is_shown_alone_with_its_shipments() {
    let shop = Shop::open(NEVER).await;
    let shipping = id(&shop.placed("shipping", &small("a", 1)).await);
    let mut held = small("a", 1);
    held["holds"] = json!(["manual"]);
    let held = id(&shop.placed("held", &held).await);
    let mut follow = shop.follow(&shipping, None).await;
    follow.until("order.processing").await;
    let page: Value = shop.get("/v1/orders").await.json();
    for (listed, (order, shipments)) in [(&held, 0), (&shipping, 1)].iter().enumerate() {
        let listed = &page["items"][listed];
        let alone: Value = shop.get(&format!("/v1/orders/{order}")).await.json();
        assert_eq!(*listed, alone);
        assert_eq!(
            listed["shipments"].as_array().map(Vec::len),
            Some(*shipments)
        );
    }
}

#[tokio::test]
async fn a_list_shows_what_its_filters_say_newest_first() {
    let shop = Shop::open(NEVER).await;
    let mut made = vec![];
    for n in 0..4 {
        let mut order = small(if n % 2 == 0 { "even" } else { "odd" }, 1);
        order["customer"] = json!({"id": format!("c-{}", n / 2)});
        order["placedAt"] = json!(format!("2026-05-0{}T00:00:00Z", n + 1));
        order["holds"] = json!(["manual"]);
        made.push(id(&shop.placed(&format!("k{n}"), &order).await));
    }
    let cancelled = shop
        .post(&format!("/v1/orders/{}/cancel", made[3]), &Value::Null)
        .await;
    assert!(cancelled.status.is_success());
    let mut follow = shop.follow(&made[3], None).await;
    follow.until("order.cancelled").await;
    let all: Vec<String> = made.iter().rev().cloned().collect();
    assert_eq!(ids(&shop, "").await, all);
    assert_eq!(ids(&shop, "status=cancelled").await, [made[3].clone()]);
    assert_eq!(ids(&shop, "status=confirmed,cancelled").await.len(), 4);
    assert_eq!(
        ids(&shop, "customerId=c-0").await,
        [made[1].clone(), made[0].clone()]
    );
    assert_eq!(
        ids(&shop, "sku=odd&status=confirmed").await,
        [made[1].clone()]
    );
    assert_eq!(
        ids(
            &shop,
            "placedFrom=2026-05-02T00:00:00Z&placedTo=2026-05-03T00:00:00Z"
        )
        .await,
        [made[1].clone()]
    );
    assert_eq!(
        ids(&shop, "updatedSince=2099-01-01T00:00:00Z").await.len(),
        0
    );
}

#[tokio::test]
async fn pages_join_without_a_gap_or_a_repeat() {
    let shop = Shop::open(NEVER).await;
    let mut made = vec![];
    for n in 0..7 {
        made.push(id(&shop.placed(&format!("k{n}"), &small("a", 1)).await));
    }
    made.reverse();
    let mut seen = vec![];
    let mut after = String::new();
    loop {
        let page: Value = shop
            .get(&format!("/v1/orders?limit=3&after={after}"))
            .await
            .json();
        seen.extend(page["items"].as_array().expect("items").iter().map(id));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, made);
}

#[tokio::test]
async fn a_parameter_that_means_nothing_is_refused() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    for (path, code, field) in [
        ("/v1/orders?stauts=confirmed", "unknown_parameter", "stauts"),
        ("/v1/orders?status=done", "invalid_parameter", "status"),
        ("/v1/orders?limit=101", "invalid_parameter", "limit"),
        ("/v1/orders?limit=0", "invalid_parameter", "limit"),
        (
            "/v1/orders?updatedSince=now",
            "invalid_parameter",
            "updatedSince",
        ),
        ("/v1/orders?after=bm9uc2Vuc2U", "invalid_cursor", "after"),
        ("/v1/events?after=7", "invalid_cursor", "after"),
        ("/v1/orders/7", "invalid_id", "id"),
        (&format!("/v1/orders/{order}?x=1"), "unknown_parameter", "x"),
    ] {
        let answer = shop.get(path).await;
        let problem: Value = answer.json();
        assert_eq!(
            (
                answer.status.as_u16(),
                problem["code"].as_str(),
                problem["field"].as_str()
            ),
            (400, Some(code), Some(field)),
            "{path}"
        );
    }
    assert_eq!(shop.get("/v1/orders/ref:nobody").await.status, 404);
    assert_eq!(shop.get("/v1/orders/number:WB-999999").await.status, 404);
}

#[tokio::test]
async fn events_and_transitions_tell_the_whole_way_without_a_gap() {
    let shop = Shop::open(AT_ONCE).await;
    let order = id(&shop.placed("k", &small("a", 2)).await);
    shop.follow(&order, None).await.rest().await;
    let page: Value = shop
        .get(&format!("/v1/orders/{order}/events?limit=100"))
        .await
        .json();
    let events = page["items"].as_array().expect("items");
    let of_order: Vec<_> = events
        .iter()
        .filter(|e| e["aggregate"]["type"] == "order")
        .collect();
    let sequence: Vec<_> = of_order
        .iter()
        .map(|e| e["sequence"].as_i64().expect("a number"))
        .collect();
    assert_eq!(sequence, (1..=sequence.len() as i64).collect::<Vec<_>>());
    assert_eq!(of_order[0]["type"], "order.created");
    assert_eq!(of_order[0]["data"]["total"], "25.80");
    assert_eq!(of_order[0]["data"]["lines"][0]["unitPrice"], "12.90");
    let half = shop
        .get(&format!(
            "/v1/orders/{order}/events?after={}",
            events[1]["cursor"].as_str().expect("a cursor")
        ))
        .await;
    assert_eq!(
        half.json::<Value>()["items"].as_array().map(Vec::len),
        Some(events.len() - 2)
    );

    let told: Value = shop
        .get(&format!("/v1/orders/{order}/transitions"))
        .await
        .json();
    let steps: Vec<_> = told["history"]
        .as_array()
        .expect("history")
        .iter()
        .map(|s| s["to"].as_str().expect("a status"))
        .collect();
    assert_eq!(
        steps,
        ["pending", "confirmed", "processing", "shipped", "delivered"]
    );
    assert_eq!(
        (&told["status"], &told["allowed"]),
        (&json!("delivered"), &json!([]))
    );
}

#[tokio::test]
async fn the_feed_is_followed_by_cursor_and_waits_for_what_comes() {
    let shop = Shop::open(NEVER).await;
    let empty: Value = shop.get("/v1/events").await.json();
    let cursor = empty["next"].as_str().expect("always a cursor").to_owned();
    let waiting = {
        let mut client = shop.client("default", "admin");
        let path = format!("/v1/events?after={cursor}&wait_ms=30000");
        tokio::spawn(async move { client.get(&path).await.expect("an answer") })
    };
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let page: Value = waiting.await.expect("no panic").json();
    assert_eq!(
        (&page["items"][0]["type"], &page["items"][0]["orderId"]),
        (&json!("order.created"), &json!(order))
    );
    let next = page["next"].as_str().expect("a cursor");
    let tampered = next.replace(&next[10..12], "AA");
    assert_ne!(
        shop.get(&format!("/v1/events?after={tampered}"))
            .await
            .status,
        200
    );
}

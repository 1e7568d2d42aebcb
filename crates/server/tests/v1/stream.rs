//! The stream of an order: each step when it happens, resumable, ending with the order.

use serde_json::{Value, json};

use crate::shop::{AT_ONCE, Follow, NEVER, Shop, id, small, token_of};

#[tokio::test]
async fn each_step_is_told_once_when_it_happens_and_the_stream_ends_with_the_order() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let mut follow = shop.follow(&order, None).await;
    assert_eq!(follow.status, 200);
    follow.until("order.processing").await;
    let page: Value = shop
        .get(&format!("/v1/shipments?orderId={order}"))
        .await
        .json();
    let shipment = format!("/v1/shipments/{}/status", id(&page["items"][0]));
    // Nothing moves until somebody says so; then the open stream tells it.
    shop.post(&shipment, &json!({"status": "shipped", "carrier": "DHL"}))
        .await;
    let told = follow.until("shipment.shipped").await;
    assert_eq!(
        (
            &told.data["shipment"]["status"],
            &told.data["shipment"]["carrier"]
        ),
        (&json!("shipped"), &json!("DHL"))
    );
    let told = follow.until("order.shipped").await;
    assert_eq!(
        (&told.data["seq"], &told.data["status"]),
        (&json!(4), &json!("shipped"))
    );
    shop.post(&shipment, &json!({"status": "delivered"})).await;
    follow.until("order.delivered").await;
    assert!(follow.next().await.is_none(), "nothing comes after the end");
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_seen() {
    let shop = Shop::open(AT_ONCE).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let all = shop.follow(&order, None).await.rest().await;
    let sequence: Vec<_> = all
        .iter()
        .filter_map(|told| told.data["seq"].as_i64())
        .collect();
    assert_eq!(sequence, [1, 2, 3, 4, 5]);
    for (n, seen) in all.iter().enumerate() {
        let rest = shop.follow(&order, Some(&seen.id)).await;
        let expected = if n + 1 == all.len() { 204 } else { 200 };
        assert_eq!(rest.status, expected);
        let rest: Vec<_> = rest.rest().await.into_iter().map(|told| told.id).collect();
        let left: Vec<_> = all[n + 1..].iter().map(|told| told.id.clone()).collect();
        assert_eq!(rest, left);
    }
}

#[tokio::test]
async fn a_token_in_the_address_may_stream_and_nothing_else() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    for (scope, status) in [
        ("order:stream", 200),
        ("order:stream order:read", 403),
        ("admin", 403),
        ("order:read", 403),
    ] {
        let token = token_of("default", scope);
        let path = format!("/v1/orders/{order}/stream?access_token={token}");
        let follow = Follow::open(&shop, &path, None, None).await;
        assert_eq!(follow.status, status, "{scope}");
    }
    let token = token_of("default", "order:stream");
    let read = Follow::open(
        &shop,
        &format!("/v1/orders/{order}?access_token={token}"),
        None,
        None,
    )
    .await;
    assert_eq!(read.status, 401);
}

#[tokio::test]
async fn streams_are_bounded_and_end_when_the_server_stops() {
    let start = waybill_testkit::server::Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"));
    let start = start
        .delivering_within_ms(NEVER)
        .env("WAYBILL_SERVER__MAX_STREAMS", "1");
    let mut shop = Shop::start(start).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let mut follow = shop.follow(&order, None).await;
    follow.until("order.processing").await;
    assert_eq!(shop.follow(&order, None).await.status, 503);
    let stopped = shop.0.stop().await.expect("it stops");
    assert!(stopped.success());
    assert!(
        follow.next().await.is_none(),
        "the stream was ended, not cut"
    );
}

//! The stream of an order: each step when it happens, resumable, ending with the order.

use serde_json::{Value, json};
use waybill_testkit::http::Client;
use waybill_testkit::token;

use crate::shop::{AT_ONCE, Follow, NEVER, Shop, StreamEvent, id, small, token_of};

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
    // The order does not move by itself; after a command the open stream sends the step.
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

/// A server that grants no token a second more than its claim says.
async fn exact_about_time() -> Shop {
    let start = waybill_testkit::server::Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"));
    let start = start
        .delivering_within_ms(NEVER)
        .env("WAYBILL_AUTH__CLOCK_SKEW_MS", "0");
    Shop::start(start).await
}

/// A token of demo that ends within seconds.
fn short_lived(scope: &str) -> String {
    let claims = json!({"sub": "guest", "scope": scope, "exp": token::in_seconds(3)});
    let header = json!({"alg": "HS256", "typ": "JWT"});
    token::sign(&header, &claims, token::DEMO_SECRET.as_bytes())
}

#[tokio::test]
async fn a_stream_ends_with_its_token_wherever_that_was_sent() {
    let shop = exact_about_time().await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}/stream");
    let token = short_lived("order:stream");
    let in_address = format!("{path}?access_token={token}");
    let mut by_header = Follow::open(&shop, &path, None, Some(&token)).await;
    let mut by_address = Follow::open(&shop, &in_address, None, None).await;
    assert_eq!((by_header.status, by_address.status), (200, 200));
    for follow in [&mut by_header, &mut by_address] {
        follow.until("order.processing").await;
        assert!(follow.next().await.is_none(), "nothing moves any more");
    }
    let again = Follow::open(&shop, &path, None, Some(&token)).await;
    assert_eq!(again.status, 401, "it ended because the token did");
}

#[tokio::test]
async fn a_long_poll_ends_with_its_token() {
    let shop = exact_about_time().await;
    let token = short_lived("order:read");
    let mut guest = Client::new(shop.0.address()).with_token(&token);
    let answer = guest.get("/v1/events?wait_ms=30000").await;
    let answer = answer.expect("an answer");
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.json::<Value>()["code"].as_str()
        ),
        (401, Some("token_expired"))
    );
}

#[tokio::test]
async fn a_stream_goes_on_after_a_cursor_in_its_address_unless_a_newer_one_is_in_the_header() {
    let shop = Shop::open(AT_ONCE).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let all = shop.follow(&order, None).await.rest().await;
    let admin = token_of("default", "admin");
    let guest = token_of("default", "order:stream");
    let ids = |events: &[StreamEvent]| events.iter().map(|e| e.id.clone()).collect::<Vec<_>>();
    let path = format!("/v1/orders/{order}/stream?after={}", all[0].id);
    let in_address = format!("{path}&access_token={guest}");
    for (path, last_seen, token, left) in [
        (&path, None, Some(&*admin), &all[1..]),
        (&in_address, None, None, &all[1..]),
        (&path, Some(&*all[2].id), Some(&admin), &all[3..]),
    ] {
        let follow = Follow::open(&shop, path, last_seen, token).await;
        assert_eq!(follow.status, 200, "{path}");
        assert_eq!(ids(&follow.rest().await), ids(left), "{path}");
    }
}

#[tokio::test]
async fn a_parameter_that_following_does_not_have_is_refused_wherever_the_token_is() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let token = token_of("default", "order:stream");
    for way in ["stream", "ws"] {
        let path = format!("/v1/orders/{order}/{way}?afterr=x");
        let in_address = format!("{path}&access_token={token}");
        for (path, header) in [(path, Some(&*token)), (in_address, None)] {
            let follow = Follow::open(&shop, &path, None, header).await;
            assert_eq!(follow.status, 400, "{path}");
        }
    }
}

#[tokio::test]
async fn a_refused_follower_is_counted_once_and_an_admitted_one_never() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}/stream");
    let (guest, creator) = (
        token_of("default", "order:stream"),
        token_of("default", "order:create"),
    );
    let with = |token: &str| format!("{path}?access_token={token}");
    let mut counted = 0;
    for (path, header, status) in [
        (path.clone(), Some(&*guest), 200),
        (with(&guest), None, 200),
        (path.clone(), Some("nonsense"), 401),
        (path.clone(), Some(&creator), 403),
        (path.clone(), None, 401),
        (with("nonsense"), None, 401),
        (with(&creator), None, 403),
    ] {
        let follow = Follow::open(&shop, &path, None, header).await;
        assert_eq!(follow.status, status, "{path} {header:?}");
        counted += i64::from(status != 200);
        let refused = shop.0.metric("waybill_tokens_refused_total").await;
        assert_eq!(refused.expect("a figure"), counted, "{path} {header:?}");
    }
}

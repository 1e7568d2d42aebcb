//! Conditional requests (RFC 9110, section 13.1) on everything that has a version.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use crate::shop::{AT_ONCE, NEVER, Shop, id, small};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

#[tokio::test]
async fn stock_is_made_only_if_absent_and_changed_only_if_there_where_that_is_asked() {
    let shop = Shop::open(NEVER).await;
    let put = async |header: (&str, &str), count: u64| {
        let body = json!({"onHand": count});
        let headers = [header];
        let answer = shop
            .ask_with(Method::PUT, "/v1/stock/RT-1", &headers, &body)
            .await;
        let told: Value = answer.json();
        (answer.status.as_u16(), told)
    };
    let (status, told) = put(("if-match", "*"), 5).await;
    assert_eq!((status, &told["code"]), (412, &json!("version_mismatch")));
    assert_eq!(told["version"], Value::Null);
    assert_eq!(put(("if-none-match", "*"), 10).await.0, 200);
    let (status, told) = put(("if-none-match", "*"), 5).await;
    assert_eq!(
        (status, &told["code"]),
        (412, &json!("precondition_failed"))
    );
    assert_eq!(told["version"], json!(1));
    for (tags, status) in [
        ("W/\"1\"", 412),
        ("\"1-gzip\"", 412),
        ("\"7\", \"8\"", 412),
        ("1", 400),
        ("\"1\" \"2\"", 400),
        ("\"7\", \"1\"", 200),
        ("*", 200),
    ] {
        assert_eq!(put(("if-match", tags), 11).await.0, status, "{tags}");
    }
    let row: Value = shop.get("/v1/stock/RT-1").await.json();
    assert_eq!((&row["onHand"], &row["version"]), (&json!(11), &json!(3)));
}

#[tokio::test]
async fn a_sku_is_read_alone_and_not_sent_again_until_something_of_it_changes() {
    let shop = Shop::open(NEVER).await;
    let missing = shop.get("/v1/stock/RT-1").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json::<Value>()["code"], "stock_not_found");
    shop.stocked("RT-1", 10).await;
    let read = async |tag: &str| {
        let headers = [("if-none-match", tag)];
        let path = "/v1/stock/RT-1";
        shop.ask_with(Method::GET, path, &headers, &Value::Null)
            .await
    };
    let first = read("\"0\"").await;
    let tag = first.header("etag").expect("a tag").to_owned();
    assert_eq!(first.json::<Value>()["onHand"], 10);
    let again = read(&tag).await;
    assert_eq!(
        (
            again.status.as_u16(),
            again.body.len(),
            again.header("etag")
        ),
        (304, 0, Some(&*tag))
    );
    // A reservation changes what is shown and not the version.
    shop.placed("k", &small("RT-1", 3)).await;
    let changed = read(&tag).await;
    assert_eq!(changed.json::<Value>()["reserved"], 3);
    let tag = changed.header("etag").expect("a tag");
    let body = json!({"delta": 1});
    let headers = [("if-match", tag)];
    let put = shop.ask_with(Method::PUT, "/v1/stock/RT-1", &headers, &body);
    assert_eq!(
        put.await.status,
        200,
        "a tag that was read serves to change"
    );
}

#[tokio::test]
async fn an_order_and_its_shipment_are_not_sent_again_until_they_change() {
    let shop = Shop::open(AT_ONCE).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    shop.follow(&order, None).await.rest().await;
    let page: Value = shop
        .get(&format!("/v1/shipments?orderId={order}"))
        .await
        .json();
    let shipment = id(&page["items"][0]);
    for path in [
        format!("/v1/orders/{order}"),
        format!("/v1/orders/{order}/transitions"),
        format!("/v1/shipments/{shipment}"),
    ] {
        let tag = shop.get(&path).await;
        let tag = tag.header("etag").expect("a tag").to_owned();
        for (header, value, status) in [
            ("if-none-match", &*tag, 304),
            ("if-none-match", "*", 304),
            ("if-none-match", &format!("\"99\", W/{tag}"), 304),
            ("if-none-match", "\"99\"", 200),
            ("if-none-match", "99", 400),
            ("if-match", &*tag, 200),
            ("if-match", "\"99\"", 412),
        ] {
            let headers = [(header, value)];
            let answer = shop.ask_with(Method::GET, &path, &headers, &Value::Null);
            assert_eq!(answer.await.status, status, "{path} {header}: {value}");
        }
    }
}

#[tokio::test]
async fn an_order_whose_shipment_changed_after_it_is_sent_whole() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let mut follow = shop.follow(&order, None).await;
    follow.until("order.processing").await;
    let page: Value = shop
        .get(&format!("/v1/shipments?orderId={order}"))
        .await
        .json();
    let path_of_shipment = format!("/v1/shipments/{}", id(&page["items"][0]));
    let path = format!("{path_of_shipment}/status");
    let path_of_order = format!("/v1/orders/{order}");
    let step = json!({"status": "shipped"});
    assert_eq!(shop.post(&path, &step).await.status, 200);
    follow.until("order.shipped").await;
    let tag = shop.get(&path_of_order).await;
    let tag = tag.header("etag").expect("a tag").to_owned();
    let tracked = json!({"status": "shipped", "trackingNumber": "T-1"});
    assert_eq!(shop.post(&path, &tracked).await.status, 200);
    let headers = [("if-none-match", &*tag)];
    let begun = Instant::now();
    // The order takes the update in without an event of its own.
    let answer = loop {
        let asked = shop.ask_with(Method::GET, &path_of_order, &headers, &Value::Null);
        let answer = asked.await;
        if answer.status != 304 {
            break answer;
        }
        assert!(begun.elapsed() < PATIENCE, "it is never shown");
        tokio::time::sleep(POLL).await;
    };
    assert_eq!(answer.header("etag"), Some(&*tag), "the same version");
    let shown: Value = answer.json();
    assert_eq!(shown["shipments"][0]["trackingNumber"], "T-1");
    let shipment: Value = shop.get(&path_of_shipment).await.json();
    assert_eq!(shown["shipments"], json!([shipment]), "shown alike");
}

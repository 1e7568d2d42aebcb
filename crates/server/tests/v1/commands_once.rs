//! `Idempotency-Key` on commands: what is sent twice is done once, and what is so already is answered.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Answer;

use crate::shop::{NEVER, Shop, id, small};

async fn with_key(shop: &Shop, method: Method, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("idempotency-key", key)];
    shop.ask_with(method, path, &headers, body).await
}

async fn put(shop: &Shop, sku: &str, key: &str, body: &Value) -> Answer {
    let path = format!("/v1/stock/{sku}");
    with_key(shop, Method::PUT, &path, key, body).await
}

async fn post(shop: &Shop, path: &str, key: &str, body: &Value) -> Answer {
    with_key(shop, Method::POST, path, key, body).await
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

async fn on_hand(shop: &Shop, sku: &str) -> Value {
    let page: Value = shop.get(&format!("/v1/stock?sku={sku}")).await.json();
    page["items"][0]["onHand"].clone()
}

#[tokio::test]
async fn a_delta_that_is_sent_twice_with_one_key_is_booked_once() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("RT-1", 10).await;
    let body = json!({"delta": -3, "reference": "GR-7"});
    let first = put(&shop, "RT-1", "k", &body).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert!(!is_replay(&first));
    shop.stocked("RT-1", 50).await;
    let spelled = r#"{"reference":"GR-\u0037", "delta":-3.0}"#;
    let spelled: Value = serde_json::from_str(spelled).expect("JSON");
    for body in [&body, &spelled] {
        let again = put(&shop, "RT-1", "k", body).await;
        assert!(is_replay(&again), "{}", again.text());
        assert_eq!(again.status, 200);
        assert_eq!(
            again.json::<Value>(),
            first.json::<Value>(),
            "the first outcome"
        );
        assert_eq!(again.header("etag"), first.header("etag"));
    }
    assert_eq!(on_hand(&shop, "RT-1").await, 50);

    for (sku, body) in [("RT-1", json!({"delta": -4})), ("RT-2", body)] {
        let other = put(&shop, sku, "k", &body).await;
        let problem: Value = other.json();
        assert_eq!(
            (other.status.as_u16(), &problem["code"]),
            (422, &json!("idempotency_key_reused")),
            "{sku} {body}"
        );
    }
    let again = json!({"delta": -3});
    let without = shop.ask(Method::PUT, "/v1/stock/RT-1", &again);
    assert_eq!(
        without.await.status,
        200,
        "without a key it is booked each time"
    );
    assert_eq!(on_hand(&shop, "RT-1").await, 47);
}

#[tokio::test]
async fn a_delta_that_is_sent_many_times_at_once_is_booked_once() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("RT-1", 4).await;
    let body = json!({"delta": -3});
    let answers = join_all((0..12).map(|_| put(&shop, "RT-1", "k", &body))).await;
    let replays = answers.iter().filter(|answer| is_replay(answer)).count();
    for answer in &answers {
        let row: Value = answer.json();
        assert_eq!((answer.status.as_u16(), &row["onHand"]), (200, &json!(1)));
    }
    assert_eq!(replays, 11);
    assert_eq!(on_hand(&shop, "RT-1").await, 1);
}

#[tokio::test]
async fn a_command_that_was_refused_may_be_sent_again_with_its_key() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("RT-1", 2).await;
    let body = json!({"delta": -3});
    assert_eq!(put(&shop, "RT-1", "k", &body).await.status, 422);
    shop.stocked("RT-1", 5).await;
    let done = put(&shop, "RT-1", "k", &body).await;
    assert_eq!((done.status.as_u16(), is_replay(&done)), (200, false));
}

#[tokio::test]
async fn keys_are_those_of_a_client_and_outlive_the_process() {
    let mut shop = Shop::open(NEVER).await;
    shop.stocked("RT-1", 10).await;
    put(&shop, "RT-1", "k", &json!({"delta": -1})).await;
    shop.0.restart().await.expect("it starts again");
    assert!(is_replay(
        &put(&shop, "RT-1", "k", &json!({"delta": -1})).await
    ));
    let body = json!({"delta": -1}).to_string();
    let mut stranger = shop.client("another", "admin");
    let headers = [("idempotency-key", "k")];
    let count = json!({"onHand": 8}).to_string();
    let path = "/v1/stock/RT-1";
    let counted = stranger.send(Method::PUT, path, &[], count.into()).await;
    assert_eq!(counted.expect("an answer").status, 200);
    let theirs = stranger
        .send(Method::PUT, path, &headers, body.into())
        .await;
    let theirs = theirs.expect("an answer");
    assert_eq!(theirs.json::<Value>()["onHand"], 7, "{}", theirs.text());
    assert_eq!(on_hand(&shop, "RT-1").await, 9);
}

#[tokio::test]
async fn a_hold_is_placed_once_and_released_once() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    // The version that is read below must not be changed by delivery, which works beside the test.
    shop.follow(&order, None)
        .await
        .until("order.processing")
        .await;
    let path = format!("/v1/orders/{order}/holds");
    let hold = json!({"reason": "manual", "note": "call first"});
    let first = post(&shop, &path, "k", &hold).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = post(&shop, &path, "k", &hold).await;
    assert_eq!((again.status.as_u16(), is_replay(&again)), (200, true));
    let order_now: Value = again.json();
    assert_eq!(order_now["holds"].as_array().map(Vec::len), Some(1));
    let other = post(&shop, &path, "k", &json!({"reason": "manual"})).await;
    assert_eq!(other.json::<Value>()["code"], "idempotency_key_reused");
    let second = post(&shop, &path, "k-2", &hold).await;
    assert_eq!(second.status, 201, "another key is another hold");

    let release = format!("{path}/{}/release", id(&order_now["holds"][0]));
    let etag = second.header("etag").expect("a version").to_owned();
    let headers = [("idempotency-key", "r"), ("if-match", etag.as_str())];
    for replayed in [false, true] {
        let answer = shop
            .ask_with(Method::POST, &release, &headers, &Value::Null)
            .await;
        assert_eq!(
            (answer.status.as_u16(), is_replay(&answer)),
            (200, replayed),
            "its own effect does not stand in its way: {}",
            answer.text()
        );
    }
    let without_key = shop.post(&release, &Value::Null).await;
    assert_eq!(without_key.status, 200, "it is released already");
    let unknown = format!("{path}/019a0000-0000-7000-8000-000000000000/release");
    assert_eq!(shop.post(&unknown, &Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_cancellation_that_is_asked_again_is_answered_and_its_reason_is_in_no_event() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("a", 5).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}/cancel");
    let reason = json!({"reason": "Karla moved to Ulm"});
    assert_eq!(post(&shop, &path, "c", &reason).await.status, 202);
    assert!(is_replay(&post(&shop, &path, "c", &reason).await));
    let other = post(&shop, &path, "c", &json!({})).await;
    assert_eq!(other.status, 422, "{}", other.text());
    shop.follow(&order, None)
        .await
        .until("order.cancelled")
        .await;
    for body in [&Value::Null, &json!({"reason": "another one"})] {
        let again = shop.post(&path, body).await;
        assert_eq!(again.status, 200, "{}", again.text());
        let read: Value = again.json();
        assert_eq!(
            (&read["status"], &read["cancelReason"]),
            (&json!("cancelled"), &reason["reason"])
        );
    }
    let events: Value = shop.get(&format!("/v1/orders/{order}/events")).await.json();
    assert!(!events.to_string().contains("Karla"), "{events:#}");
    let items = events["items"].as_array().expect("events");
    for kind in ["order.cancel_requested", "order.cancelled"] {
        let event = items.iter().find(|event| event["type"] == kind);
        assert_eq!(event.expect("it is there")["reason"], "requested", "{kind}");
    }
    let listed: Value = shop.get("/v1/orders").await.json();
    assert_eq!(listed["items"][0]["cancelReason"], reason["reason"]);
    let report = shop.0.verify().await.expect("verified");
    assert!(report.ok, "{:?}", report.findings);
}

#[tokio::test]
async fn a_step_of_a_shipment_is_taken_once() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    shop.follow(&order, None)
        .await
        .until("order.processing")
        .await;
    let read: Value = shop.get(&format!("/v1/orders/{order}")).await.json();
    let shipment = id(&read["shipments"][0]);
    let path = format!("/v1/shipments/{shipment}/status");
    let shipped = json!({"status": "shipped", "trackingNumber": "T-1"});
    let first = post(&shop, &path, "s", &shipped).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let delivered = json!({"status": "delivered"});
    assert_eq!(post(&shop, &path, "d", &delivered).await.status, 200);
    let again = post(&shop, &path, "s", &shipped).await;
    assert!(is_replay(&again), "{}", again.text());
    assert_eq!(
        again.json::<Value>()["status"],
        "delivered",
        "as it stands now"
    );
    let other = post(&shop, &path, "s", &delivered).await;
    assert_eq!(other.status, 422, "{}", other.text());
}

#[tokio::test]
async fn a_key_with_and_without_the_quotes_of_a_structured_field_is_one_key() {
    let shop = Shop::open(NEVER).await;
    let order = small("a", 1);
    let mut ids = vec![];
    for key in ["\"web-1\"", "web-1", "\"web-1\""] {
        ids.push(id(&shop.placed(key, &order).await));
    }
    assert!(ids.iter().all(|one| *one == ids[0]), "{ids:?}");
    let other = id(&shop.placed("\"web-2\"", &order).await);
    assert_ne!(other, ids[0]);

    shop.stocked("RT-1", 10).await;
    let body = json!({"delta": -1});
    for (key, replayed) in [("w", false), ("\"w\"", true), ("w", true)] {
        let answer = put(&shop, "RT-1", key, &body).await;
        assert_eq!(is_replay(&answer), replayed, "{key}: {}", answer.text());
    }
    assert_eq!(on_hand(&shop, "RT-1").await, 9);
}

#[tokio::test]
async fn every_command_of_the_specification_takes_a_key() {
    let shop = Shop::open(NEVER).await;
    let spec: Value = shop.get("/openapi.json").await.json();
    let paths = spec["paths"].as_object().expect("paths");
    let mut commands = 0;
    for (path, operations) in paths.iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for method in ["post", "put", "patch", "delete"] {
            let Some(operation) = operations.get(method) else {
                continue;
            };
            commands += 1;
            // Adopting again, or reading a vendor's stock again, does nothing that the first request did not. Simulating
            // does nothing at all.
            // An order that is put back is in its place.
            let done_again = [
                "/v1/archive/{id}/restore",
                "/v1/inbox/{store}/adopt",
                "/v1/stock/sync",
                "/v1/vendors/{name}/sync",
                "/v1/sourcing/simulate",
            ];
            if done_again.contains(&path.as_str()) {
                continue;
            }
            let parameters = operation["parameters"].as_array().cloned();
            let takes_a_key = parameters.unwrap_or_default().iter().any(|parameter| {
                parameter["name"] == "Idempotency-Key" && parameter["in"] == "header"
            });
            assert!(takes_a_key, "{method} {path}");
        }
    }
    assert!(commands >= 8, "{commands}");
}

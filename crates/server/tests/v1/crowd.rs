//! Many commands on one order, shipment or stock row at once: each is done, or refused by the rules, and what the store
//! holds afterwards is what was answered.

use std::collections::BTreeSet;

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Answer;

use crate::shop::{NEVER, Shop, id, small};

const MANY: usize = 64;

/// The codes of the refusals among these answers, and how many were done. Fails on any other answer.
fn sorted(answers: &[Answer]) -> (usize, BTreeSet<String>) {
    let mut done = 0;
    let mut codes = BTreeSet::new();
    for answer in answers {
        if answer.status.is_success() {
            done += 1;
            continue;
        }
        assert!(
            matches!(answer.status.as_u16(), 409 | 422),
            "{}: {}",
            answer.status,
            answer.text()
        );
        let problem: Value = answer.json();
        codes.insert(problem["code"].as_str().expect("a code").to_owned());
    }
    (done, codes)
}

async fn events(shop: &Shop, order: &str, kind: &str) -> usize {
    let path = format!("/v1/orders/{order}/events?limit=100");
    let page: Value = shop.get(&path).await.json();
    assert_eq!(page["next"], Value::Null, "all of them are on one page");
    let items = page["items"].as_array().expect("events");
    items.iter().filter(|event| event["type"] == kind).count()
}

/// The versions that answers show; each that was done made one of its own.
fn versions(answers: &[Answer]) -> BTreeSet<i64> {
    let of = |answer: &Answer| {
        let tag = answer.header("etag").expect("a version");
        tag.trim_matches('"').parse().expect("a number")
    };
    answers.iter().map(of).collect()
}

#[tokio::test]
async fn many_holds_at_once_are_placed_or_refused_by_the_limit_on_holds() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}/holds");
    let holds = (0..MANY).map(|n| {
        let hold = json!({"reason": "manual", "note": format!("call {n}")});
        let (shop, path) = (&shop, &path);
        async move { shop.post(path, &hold).await }
    });
    let (done, codes) = sorted(&join_all(holds).await);
    assert_eq!(
        (done, codes),
        (20, BTreeSet::from(["too_many_holds".to_owned()]))
    );
    assert_eq!(events(&shop, &order, "order.hold_placed").await, done);
    let report = shop.0.verify().await.expect("verified");
    assert!(report.ok, "{:?}", report.findings);
}

#[tokio::test]
async fn holds_and_cancellations_at_once_leave_one_cancelled_order() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("a", 5).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let commands = (0..MANY).map(|n| {
        let (shop, order) = (&shop, &order);
        async move {
            if n % 4 == 3 {
                let body = json!({"reason": format!("reason {n}")});
                shop.post(&format!("/v1/orders/{order}/cancel"), &body)
                    .await
            } else {
                let body = json!({"reason": "manual", "note": format!("call {n}")});
                shop.post(&format!("/v1/orders/{order}/holds"), &body).await
            }
        }
    });
    let answers = join_all(commands).await;
    sorted(&answers);
    let cancels = answers.iter().skip(3).step_by(4);
    for cancelled in cancels {
        assert!(cancelled.status.is_success(), "{}", cancelled.text());
    }
    shop.follow(&order, None)
        .await
        .until("order.cancelled")
        .await;
    let placed = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(events(&shop, &order, "order.hold_placed").await, placed);
    assert_eq!(events(&shop, &order, "order.cancelled").await, 1);
}

#[tokio::test]
async fn many_steps_of_one_shipment_at_once_are_all_taken() {
    let shop = Shop::open(NEVER).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    shop.follow(&order, None)
        .await
        .until("order.processing")
        .await;
    let read: Value = shop.get(&format!("/v1/orders/{order}")).await.json();
    let shipment = id(&read["shipments"][0]);
    let path = format!("/v1/shipments/{shipment}/status");
    let steps = (0..MANY).map(|n| {
        let body = json!({"status": "shipped", "trackingNumber": format!("T-{n}")});
        let (shop, path) = (&shop, &path);
        async move { shop.post(path, &body).await }
    });
    let answers = join_all(steps).await;
    assert_eq!(sorted(&answers), (MANY, BTreeSet::new()));
    let versions = versions(&answers);
    assert_eq!(versions.len(), MANY, "each made a version of its own");
    let now = shop.get(&format!("/v1/shipments/{shipment}")).await;
    assert_eq!(
        now.json::<Value>()["version"].as_i64(),
        versions.last().copied()
    );
}

#[tokio::test]
async fn many_changes_of_one_stock_row_at_once_are_all_booked() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("RT-1", 100).await;
    let changes = (0..MANY).map(|n| {
        let body = json!({"delta": -1, "reference": format!("GR-{n}")});
        let shop = &shop;
        async move { shop.ask(Method::PUT, "/v1/stock/RT-1", &body).await }
    });
    let answers = join_all(changes).await;
    assert_eq!(sorted(&answers), (MANY, BTreeSet::new()));
    assert_eq!(versions(&answers).len(), MANY);
    let page: Value = shop.get("/v1/stock?sku=RT-1").await.json();
    assert_eq!(page["items"][0]["onHand"], 36);
}

#[tokio::test]
async fn a_full_queue_of_one_order_refuses_and_others_go_on() {
    use waybill_testkit::server::Start;
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .env("WAYBILL_COMMANDS__QUEUE_LIMIT", "1")
        .delivering_within_ms(NEVER);
    let shop = Shop::start(start).await;
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let path = format!("/v1/orders/{order}/holds");
    let hold = json!({"reason": "manual"});
    let answers = join_all((0..MANY).map(|_| shop.post(&path, &hold))).await;
    let full = answers.iter().filter(|answer| answer.status == 503);
    let mut refused = 0;
    for answer in full {
        refused += 1;
        assert!(answer.header("retry-after").is_some());
        assert!(answer.text().contains("too many commands on this order"));
    }
    assert!(refused > 0, "some found the queue full");
    let placed = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(events(&shop, &order, "order.hold_placed").await, placed);
}

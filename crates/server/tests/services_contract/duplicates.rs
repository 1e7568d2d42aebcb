//! The same order again, without a key.

use futures::future::join_all;
use serde_json::{Value, json};
use waybill_testkit::http::Client;

use super::{ORDERS, demo, example, one, placed, post, reaches, shop};

/// A window that no test outlasts.
const LONG: &str = "1h";

fn with_window(window: &str) -> waybill_testkit::server::Start {
    demo().env("WAYBILL_DUPLICATES__WINDOW_MS", window)
}

#[tokio::test]
async fn the_same_customer_and_items_in_any_order_give_the_first_order() {
    let app = with_window(LONG).ready().await.expect("ready");
    let mut client = shop(&app).await;
    let first = post(&mut client, ORDERS, &[], &example()).await;
    let mut turned = example();
    turned["items"].as_array_mut().expect("items").reverse();
    turned["items"][1]["unit_price"] = json!(999.990);
    let again = post(&mut client, ORDERS, &[], &turned).await;
    assert_eq!(again.status, 201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.text(), first.text());
}

#[tokio::test]
async fn another_customer_item_quantity_price_or_tenant_is_another_order() {
    let app = with_window(LONG).ready().await.expect("ready");
    let mut client = shop(&app).await;
    let mut ids = vec![placed(&mut client, &example()).await];
    for (pointer, value) in [
        ("/customer_id", json!("customer-124")),
        ("/items/0/product_id", json!("product-3")),
        ("/items/0/quantity", json!(2)),
        ("/items/0/unit_price", json!(999.98)),
    ] {
        let mut other = example();
        *other.pointer_mut(pointer).expect("there") = value;
        ids.push(placed(&mut client, &other).await);
    }
    let token = waybill_testkit::token::demo_for("other", "demo-client");
    let mut elsewhere = Client::new(app.address()).with_token(&token);
    ids.push(placed(&mut elsewhere, &example()).await);
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[tokio::test]
async fn the_same_order_many_times_at_once_is_one() {
    let app = with_window(LONG).ready().await.expect("ready");
    let token = super::token(&app).await;
    let attempts = (0..32).map(|_| {
        let mut client = Client::new(app.address()).with_token(&token);
        async move { placed(&mut client, &example()).await }
    });
    let mut ids = join_all(attempts).await;
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test]
async fn an_order_that_was_cancelled_may_be_placed_again() {
    let app = with_window(LONG).ready().await.expect("ready");
    let mut client = shop(&app).await;
    let first = placed(&mut client, &one("p")).await;
    let mut admin = app.client();
    let cancel = format!("/v1/orders/{first}/cancel");
    let cancelled = post(
        &mut admin,
        &cancel,
        &[],
        &json!({"reason": "changed my mind"}),
    )
    .await;
    assert!(cancelled.status.is_success(), "{}", cancelled.text());
    reaches(&mut client, &first, "CANCELLED").await;
    let second = placed(&mut client, &one("p")).await;
    assert_ne!(second, first);
    assert_eq!(placed(&mut client, &one("p")).await, second);
}

#[tokio::test]
async fn after_the_window_it_is_a_new_order() {
    let app = with_window("50ms").ready().await.expect("ready");
    let mut client = shop(&app).await;
    let begun = std::time::Instant::now();
    let first = placed(&mut client, &one("p")).await;
    while placed(&mut client, &one("p")).await == first {
        assert!(begun.elapsed() < super::PATIENCE, "the window does not end");
    }
}

#[tokio::test]
async fn a_window_of_nothing_makes_every_order_a_new_one() {
    let app = with_window("0").ready().await.expect("ready");
    let mut client = shop(&app).await;
    let first = placed(&mut client, &one("p")).await;
    assert_ne!(placed(&mut client, &one("p")).await, first);
}

#[tokio::test]
async fn a_window_survives_a_kill() {
    let mut app = with_window(LONG).ready().await.expect("ready");
    let first = placed(&mut shop(&app).await, &example()).await;
    app.restart().await.expect("started again");
    let again = post(&mut shop(&app).await, ORDERS, &[], &example()).await;
    assert_eq!(again.json::<Value>()["order_id"], json!(first));
}

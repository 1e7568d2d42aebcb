//! Stock of our own, the simulated inventory service for everything else, and the breaker before it.

use std::time::Instant;

use serde_json::{Value, json};

use super::{ORDERS, PATIENCE, code, demo, one, placed, post};

#[tokio::test]
async fn what_the_inventory_does_not_have_is_refused() {
    let app = demo().ready().await.expect("ready");
    let mut client = app.client();
    let order = json!({"customerId":"c","items":[
        {"productId":"fine","quantity":1,"price":1},{"productId":"product-out-of-stock-1","quantity":2,"price":1}]});
    let answer = post(&mut client, ORDERS, &[], &order).await;
    assert_eq!(answer.status, 422);
    assert_eq!(code(&answer), "INSUFFICIENT_INVENTORY");
    let error = answer.json::<Value>()["error"].clone();
    assert_eq!(
        error["message"],
        "Some items are not available in requested quantities"
    );
    assert_eq!(
        error["details"],
        json!([{"productId":"product-out-of-stock-1","requested":2,"available":0}])
    );
}

#[tokio::test]
async fn a_limited_product_has_one_to_five() {
    let app = demo().ready().await.expect("ready");
    let order =
        json!({"customerId":"c","items":[{"productId":"limited-edition","quantity":6,"price":1}]});
    let answer = post(&mut app.client(), ORDERS, &[], &order).await;
    assert_eq!(code(&answer), "INSUFFICIENT_INVENTORY");
    let available = answer.json::<Value>()["error"]["details"][0]["available"].as_i64();
    assert!(
        available.is_some_and(|n| (1..=5).contains(&n)),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn tracked_stock_is_sold_to_the_last_unit_and_no_further() {
    let app = demo().ready().await.expect("ready");
    app.seed("tracked-1", 3).await.expect("counted");
    let mut client = app.client();
    for _ in 0..3 {
        placed(&mut client, &one("tracked-1")).await;
    }
    let answer = post(&mut client, ORDERS, &[], &one("tracked-1")).await;
    assert_eq!(answer.status, 422);
    let details = answer.json::<Value>()["error"]["details"].clone();
    assert_eq!(
        details,
        json!([{"productId":"tracked-1","requested":1,"available":0}])
    );
}

#[tokio::test]
async fn five_failures_in_a_row_open_the_breaker_for_everyone_to_see() {
    let app = demo()
        .env("INVENTORY_FAILURE_RATE", "100")
        .ready()
        .await
        .expect("ready");
    app.seed("tracked-1", 5).await.expect("counted");
    let mut client = app.client();
    for _ in 0..6 {
        let answer = post(&mut client, ORDERS, &[], &one("elsewhere")).await;
        assert_eq!(answer.status, 503);
        assert_eq!(code(&answer), "INVENTORY_SERVICE_UNAVAILABLE");
        assert!(answer.header("retry-after").is_some());
    }
    let health = client.get("/health").await.expect("an answer");
    assert_eq!(health.status, 200, "degraded is not down");
    assert_eq!(health.json::<Value>()["status"], "degraded");
    let metrics = client.get("/api/metrics").await.expect("an answer").text();
    assert!(metrics.contains("\"open\""), "{metrics}");
    let metrics = client.get("/metrics").await.expect("an answer").text();
    assert!(metrics.contains("breaker"), "{metrics}");
    placed(&mut client, &one("tracked-1")).await;
}

/// Three of five calls fail, so the breaker soon opens, lets a call try now and then, and closes when one succeeds.
#[tokio::test]
async fn the_breaker_closes_again_when_the_service_answers() {
    let app = demo()
        .env("INVENTORY_FAILURE_RATE", "60")
        .env("CIRCUIT_BREAKER_RESET_TIMEOUT", "50")
        .ready()
        .await
        .expect("ready");
    let mut client = app.client();
    let begun = Instant::now();
    let mut opened = false;
    loop {
        let taken = post(&mut client, ORDERS, &[], &one("elsewhere"))
            .await
            .status
            == 201;
        let health: Value = client.get("/health").await.expect("an answer").json();
        match health["circuitBreakers"]["inventory"].as_str() {
            Some("open") => opened = true,
            Some("closed") if opened && taken => return,
            _ => {}
        }
        assert!(begun.elapsed() < PATIENCE, "opened: {opened}; {health}");
    }
}

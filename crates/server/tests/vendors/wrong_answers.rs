//! What a vendor answers is not trusted: the row or the reading is refused with a reason, and the last good copy stays.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use waybill_testkit::vendor::Vendor;

use super::shop::{BINARY, SOON, Shop, rows};

/// Settings under which a wrong answer costs little time.
const TIGHT: [&str; 3] = [
    "vendors.timeout_ms=2000",
    "vendors.answer_limit_bytes=65536",
    "breaker.failure_threshold=1000",
];

async fn shop_and_vendor() -> (Shop, Vendor) {
    let shop = Shop::with(&TIGHT).await;
    let arguments = ["--stock", "CUP=7", "--stock", "MUG=5"];
    let north = Vendor::start(BINARY, "North", &arguments).expect("a vendor");
    shop.add("North", &north).await;
    assert_eq!(shop.sync("North").await["error"], Value::Null);
    (shop, north)
}

#[tokio::test]
async fn a_row_that_cannot_be_true_is_refused_and_the_others_are_taken() {
    let (shop, north) = shop_and_vendor().await;
    // CUP is the first sku, of which the mock says nonsense.
    for (nonsense, units) in [
        ("negative", 4),
        ("fractional", 3),
        ("huge", 2),
        ("missing", 1),
        ("twice", 0),
    ] {
        north.has("MUG", units).await;
        north.faults(&json!({"nonsense": nonsense})).await;
        let stock = shop.sync("North").await;
        assert_eq!(
            (&stock["refused"], &stock["error"]),
            (&json!(1), &Value::Null),
            "{nonsense}"
        );
        let copy = rows(&[("CUP", 7), ("MUG", units)]);
        assert_eq!(shop.copy("North").await, copy, "{nonsense}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_leaves_the_last_copy() {
    let (shop, north) = shop_and_vendor().await;
    let copy = shop.copy("North").await;
    let synced_at = shop.get("/v1/vendors/North").await["stock"]["syncedAt"].clone();
    north.has("MUG", 1).await;
    for (faults, part) in [
        (json!({"nonsense": "html"}), "no list"),
        (json!({"nonsense": "truncated"}), "no list"),
        (
            json!({"nonsense": "redirect"}),
            "redirects are not followed",
        ),
        (json!({"nonsense": "endless"}), "more than 65536 bytes"),
        (json!({"nonsense": "dripping"}), "no answer within 2000 ms"),
        (json!({"dripBytesPerS": 1}), "no answer within 2000 ms"),
        (json!({"latencyMs": "10s"}), "no answer within 2000 ms"),
        (json!({"down": true}), ""),
    ] {
        north.faults(&faults).await;
        let stock = shop.sync("North").await;
        let why = stock["error"].as_str().expect("a reason");
        assert!(why.contains(part), "{faults}: {why}");
        assert_eq!(stock["syncedAt"], synced_at, "{faults}");
        assert_eq!(shop.copy("North").await, copy, "{faults}");
    }
    north.faults(&json!({})).await;
    assert_eq!(shop.sync("North").await["error"], Value::Null);
    assert_eq!(shop.copy("North").await, rows(&[("CUP", 7), ("MUG", 1)]));
}

#[tokio::test]
async fn a_vendor_that_fails_is_not_called_until_its_circuit_lets_one_call_try() {
    let shop = Shop::with(&["breaker.failure_threshold=2", "breaker.reset_timeout_ms=5s"]).await;
    let north = Vendor::start(BINARY, "North", &["--stock", "MUG=5"]).expect("a vendor");
    shop.add("North", &north).await;
    north.faults(&json!({"down": true})).await;
    for _ in 0..2 {
        shop.sync("North").await;
    }
    let why = shop.sync("North").await["error"].clone();
    let why = why.as_str().expect("a reason");
    assert!(why.contains("the circuit is open"), "{why}");
    let metrics = shop
        .app
        .client()
        .get("/metrics")
        .await
        .expect("metrics")
        .text();
    let line = "waybill_vendor_circuit_open{tenant=\"default\",vendor=\"North\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    north.faults(&json!({})).await;
    let back = async {
        while shop.sync("North").await["error"] != Value::Null {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, back).await.expect("it is called again");
    assert_eq!(shop.copy("North").await, rows(&[("MUG", 5)]));
}

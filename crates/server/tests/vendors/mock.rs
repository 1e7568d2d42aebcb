//! The mock vendor speaks the API that vendors of the older aggregator speak, and does wrong what it is told to.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Client;
use waybill_testkit::vendor::Vendor;

use super::shop::BINARY;

fn vendor(arguments: &[&str]) -> Vendor {
    Vendor::start(BINARY, "VendorA", arguments).expect("a vendor")
}

async fn get(vendor: &Vendor, path: &str) -> Value {
    let answer = vendor.ask(Method::GET, path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}");
    answer.json()
}

/// The status and the body of a call that moves units.
async fn moved(vendor: &Vendor, path: &str, body: Value) -> (u16, Value) {
    let answer = vendor.ask(Method::POST, path, &body).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn it_answers_as_the_older_mock_did() {
    let vendor = vendor(&[]);
    let health = get(&vendor, "/health").await;
    assert_eq!(health, json!({"status": "ok", "vendor": "VendorA"}));
    let info = get(&vendor, "/info").await;
    let port = vendor.address().port();
    let expected = json!({"name": "VendorA", "id": "vendor-a", "port": port, "stock": 4});
    assert_eq!(info, expected);
    let stock = get(&vendor, "/stock").await;
    let rows = stock.as_array().expect("a list");
    for (sku, quantity) in [
        ("LAPTOP-001", 10),
        ("MOUSE-001", 25),
        ("KEYBOARD-001", 15),
        ("LAPTOP-a-001", 50),
    ] {
        assert!(rows.contains(&json!({"sku": sku, "quantity": quantity})));
    }
    let body = |quantity: i64| json!({"sku": "LAPTOP-001", "quantity": quantity});
    let (reduce, restore) = ("/reduce-stock", "/restore-stock");
    for (path, body, status, answer) in [
        (
            reduce,
            body(4),
            200,
            json!({"success": true, "newQuantity": 6}),
        ),
        (
            restore,
            body(1),
            200,
            json!({"success": true, "newQuantity": 7}),
        ),
        (reduce, body(8), 400, json!({"error": "Insufficient stock"})),
        (
            reduce,
            json!({"sku": "nothing", "quantity": 1}),
            404,
            json!({"error": "Product not found"}),
        ),
        (
            reduce,
            json!({"sku": "LAPTOP-001"}),
            400,
            json!({"error": "sku and quantity required"}),
        ),
    ] {
        assert_eq!(moved(&vendor, path, body).await, (status, answer));
    }
    let (status, changed) = moved(&vendor, "/simulate/fluctuation", json!({})).await;
    assert_eq!(status, 200);
    let stock = get(&vendor, "/stock").await;
    assert_eq!(changed["stock"], stock, "it answers the new quantities");
}

#[tokio::test]
async fn its_ledger_tells_what_was_done_and_not_what_was_answered() {
    let vendor = vendor(&["--stock", "MUG=10"]);
    let body = json!({"sku": "MUG", "quantity": 2});
    assert_eq!(moved(&vendor, "/reduce-stock", body.clone()).await.0, 200);

    vendor.faults(&json!({"lostPercent": 100})).await;
    let mut client = Client::new(vendor.address());
    let sent = client
        .send(
            Method::POST,
            "/reduce-stock",
            &[("idempotency-key", "k-1")],
            Bytes::from(body.to_string()),
        )
        .await;
    assert!(sent.is_err(), "the answer is lost: {sent:?}");

    vendor.faults(&json!({"liePercent": 100})).await;
    let (status, said) = moved(&vendor, "/reduce-stock", body.clone()).await;
    assert_eq!((status, &said["newQuantity"]), (200, &json!(4)));
    vendor.faults(&json!({"errorPercent": 100})).await;
    assert_eq!(moved(&vendor, "/reduce-stock", body).await.0, 503);

    let ledger = vendor.ledger().await;
    let entries = ledger["entries"].as_array().expect("a list");
    let shown = entries.iter().map(|entry| {
        (
            entry["done"] == true,
            entry["answered"] == true,
            entry["key"].as_str().unwrap_or_default(),
        )
    });
    let expected = [(true, true, ""), (true, false, "k-1"), (false, true, "")];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!(ledger["skus"][0]["reduced"], 4);
    let stock = get(&vendor, "/stock").await;
    assert_eq!(stock, json!([{"sku": "MUG", "quantity": 6}]));
}

#[tokio::test]
async fn faults_that_cannot_be_are_refused_with_the_reason() {
    let vendor = vendor(&["--stock", "MUG=10"]);
    for (faults, part) in [
        (json!({"lostPercent": 101}), "from 0 to 100"),
        (
            json!({"lostPercent": 60, "errorPercent": 60}),
            "at most 100 together",
        ),
        (json!({"lostpercent": 1}), "unknown field"),
        (json!({"latencyMs": "soon"}), "soon"),
    ] {
        let answer = vendor.ask(Method::PUT, "/faults", &faults).await;
        let (status, text) = (answer.status.as_u16(), answer.text());
        assert!(status == 400 && text.contains(part), "{faults}: {text}");
    }
}

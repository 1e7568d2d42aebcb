//! Readings of vendors' stock: our copy follows what they have, each vendor for itself.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use waybill_testkit::server::Start;
use waybill_testkit::vendor::Vendor;

use super::shop::{BINARY, SOON, Shop, rows};

fn vendor(name: &str, arguments: &[&str]) -> Vendor {
    Vendor::start(BINARY, name, arguments).expect("a vendor")
}

#[tokio::test]
async fn our_copy_is_what_the_vendor_has() {
    let (shop, north) = (
        Shop::open().await,
        vendor("North", &["--stock", "MUG=5", "--stock", "CUP=7"]),
    );
    shop.add("North", &north).await;
    let stock = shop.sync("North").await;
    assert_eq!((&stock["skus"], &stock["error"]), (&json!(2), &Value::Null));
    assert_eq!(shop.copy("North").await, rows(&[("CUP", 7), ("MUG", 5)]));

    north.has("MUG", 3).await;
    north.has("TRAY", 1).await;
    let stock = shop.sync("North").await;
    assert_eq!((&stock["changed"], &stock["drift"]), (&json!(2), &json!(3)));
    let copy = rows(&[("CUP", 7), ("MUG", 3), ("TRAY", 1)]);
    assert_eq!(shop.copy("North").await, copy);
}

#[tokio::test]
async fn a_reading_that_finds_nothing_new_writes_no_row_and_no_event() {
    let (shop, north) = (Shop::open().await, vendor("North", &["--skus", "50"]));
    shop.add("North", &north).await;
    assert_eq!(shop.sync("North").await["changed"], 50);
    let before = shop.get("/v1/stock?limit=100").await;
    let events = shop.get("/v1/events?limit=100").await;
    let stock = shop.sync("North").await;
    assert_eq!((&stock["changed"], &stock["skus"]), (&json!(0), &json!(50)));
    assert_eq!(shop.get("/v1/stock?limit=100").await, before);
    let after = shop.get("/v1/events?limit=100").await;
    assert_eq!(after["items"], events["items"]);
}

#[tokio::test]
async fn stock_is_read_by_itself_at_every_interval() {
    let shop = Shop::with(&["vendors.sync_interval_ms=100"]).await;
    let north = vendor("North", &["--stock", "MUG=5"]);
    shop.add("North", &north).await;
    for units in [5, 2, 9] {
        north.has("MUG", units).await;
        let followed = async {
            while shop.copy("North").await != rows(&[("MUG", units)]) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, followed).await.expect("our copy follows");
    }
}

#[tokio::test]
async fn a_vendor_that_is_slow_or_down_changes_nothing_for_the_others() {
    let shop = Shop::with(&["vendors.sync_interval_ms=100"]).await;
    let (slow, mut down, fine) = (
        vendor("Slow", &["--stock", "MUG=1", "--latency-ms", "5s"]),
        vendor("Down", &["--stock", "MUG=2"]),
        vendor("Fine", &["--stock", "MUG=3"]),
    );
    for (name, vendor) in [("Slow", &slow), ("Down", &down), ("Fine", &fine)] {
        shop.add(name, vendor).await;
    }
    down.kill().expect("it runs");
    let began = Instant::now();
    for units in [4, 5, 6] {
        fine.has("MUG", units).await;
        let followed = async {
            while shop.copy("Fine").await != rows(&[("MUG", units)]) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, followed).await.expect("our copy follows");
    }
    assert!(
        shop.copy("Slow").await.is_empty(),
        "it was fresh before the slow one answered, after {:?}",
        began.elapsed()
    );
    // It may have been read once before it was killed; its stock is stale three intervals later.
    let is_stale = async {
        loop {
            let down = listed(&shop, "Down").await;
            if down["stale"] == true && down["error"] != Value::Null {
                return down;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let down = timeout(SOON, is_stale).await.expect("it is stale");
    let why = down["error"].as_str().unwrap_or_default();
    assert!(
        why.contains("cannot be reached") || why.contains("circuit is open"),
        "{why}"
    );
    assert_eq!(listed(&shop, "Fine").await["stale"], false);
}

/// How the readings of a vendor went.
async fn listed(shop: &Shop, name: &str) -> Value {
    let listed = shop.get("/v1/vendors").await;
    let mut items = listed["items"].as_array().expect("a list").iter();
    let item = items.find(|item| item["name"] == name);
    item.expect("a vendor")["stock"].clone()
}

#[tokio::test]
async fn a_removed_or_disabled_vendor_is_not_read() {
    let (shop, north) = (Shop::open().await, vendor("North", &["--stock", "MUG=5"]));
    shop.add("North", &north).await;
    shop.sync("North").await;
    let disabled = json!({"enabled": false});
    shop.send(Method::PUT, "/v1/vendors/North", &disabled).await;
    let asked = shop
        .send(Method::POST, "/v1/vendors/North/sync", &json!({}))
        .await;
    assert_eq!(
        (asked.0, &asked.1["code"]),
        (409, &json!("vendor_disabled"))
    );
    let all = shop.send(Method::POST, "/v1/stock/sync", &json!({})).await;
    assert_eq!((all.0, &all.1["items"]), (200, &json!([])));
}

#[tokio::test]
async fn the_demo_has_vendor_a_and_vendor_b() {
    let start = Start::demo_with_vendors(BINARY);
    let app = start.ready().await.expect("the server starts");
    let shop = Shop { app };
    let (status, synced) = shop.send(Method::POST, "/v1/stock/sync", &json!({})).await;
    assert_eq!(status, 200, "{synced}");
    let a = rows(&[
        ("KEYBOARD-001", 15),
        ("LAPTOP-001", 10),
        ("LAPTOP-a-001", 50),
        ("MOUSE-001", 25),
    ]);
    assert_eq!(shop.copy("VendorA").await, a);
    let b = rows(&[
        ("KEYBOARD-001", 20),
        ("LAPTOP-001", 5),
        ("MOUSE-001", 30),
        ("SMARTPHONE-b-002", 40),
    ]);
    assert_eq!(shop.copy("VendorB").await, b);
}

#[tokio::test]
async fn stock_that_cannot_be_read_is_stale_and_health_says_so() {
    let shop = Shop::with(&["vendors.sync_interval_ms=100"]).await;
    let mut north = vendor("North", &["--stock", "MUG=5"]);
    shop.add("North", &north).await;
    shop.sync("North").await;
    let row = shop.get("/v1/stock?sku=MUG").await["items"][0].clone();
    assert_eq!(row["stale"], false, "{row}");
    let health = shop.get("/health").await;
    assert_eq!(
        (&health["status"], &health["dependencies"]["vendors"]),
        (&json!("healthy"), &json!(true))
    );
    north.kill().expect("it runs");
    let seen = async {
        while shop.get("/v1/stock?sku=MUG").await["items"][0]["stale"] != true {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, seen).await.expect("its copy grows stale");
    let health = shop.get("/health").await;
    assert_eq!(health["status"], "degraded");
    let why = health["reason"].as_str().unwrap_or_default();
    assert!(
        why.contains("the stock of 1 vendor cannot be read"),
        "{why}"
    );
    assert_eq!(
        shop.copy("North").await,
        rows(&[("MUG", 5)]),
        "our copy stays"
    );
}

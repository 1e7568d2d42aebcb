//! Orders that draw on vendors: one order from several, no unit twice, whatever the vendors do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use waybill_testkit::vendor::Vendor;

use super::market::{Buyers, HANGS, Market, SKU};

/// Faults are over quickly.
const QUICK: &[&str] = &[
    "vendors.timeout_ms=500",
    "vendors.retry_delay_ms=20",
    "vendors.order_timeout_ms=30s",
    "breaker.reset_timeout_ms=300",
];

/// Numbers the orders of one test program.
static NEXT: AtomicUsize = AtomicUsize::new(0);

const THREE: &[(&str, i64)] = &[("North", 200), ("South", 200), ("West", 100)];

fn one_to_three(number: usize) -> usize {
    1 + number % 3
}

/// The vendor named by its number in the list.
fn vendor(market: &Market, index: usize) -> &Vendor {
    &market.vendors[index].1
}

async fn order(market: &Market, units: i64) -> String {
    let body = json!({
        "currency": "USD", "clientReference": format!("ref-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        "lines": [{"sku": SKU, "quantity": units, "unitPrice": "10.00"}],
    });
    let (status, answer) = market.shop.send(Method::POST, "/v1/orders", &body).await;
    assert_eq!(
        (status, &answer["status"]),
        (201, &json!("pending")),
        "{answer}"
    );
    answer["id"].as_str().expect("an id").to_owned()
}

/// The order once it has this status.
async fn becomes(market: &Market, id: &str, status: &str) -> Value {
    reaches(market, id, |order| order["status"] == status).await
}

/// The order once vendors have agreed to all of it.
async fn agreed(market: &Market, id: &str) -> Value {
    let order = reaches(market, id, |order| order["status"] != "pending").await;
    assert_ne!(order["status"], "failed", "{order}");
    order
}

async fn reaches(market: &Market, id: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    let reached = async {
        loop {
            let order = market.shop.get(&format!("/v1/orders/{id}")).await;
            if is_there(&order) {
                return order;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let reached = timeout(HANGS, reached).await;
    reached.unwrap_or_else(|_| panic!("{id} waits: {}", market.shop.app.output()))
}

/// The vendors that have agreed to units of the order's first line.
fn agreed_vendors(order: &Value) -> Vec<String> {
    let sources = order["lines"][0]["sources"].as_array().expect("a list");
    let agreed = sources
        .iter()
        .filter(|of| of["state"] != "held" && of["state"] != "released");
    agreed
        .map(|of| of["vendor"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn a_line_that_no_vendor_has_alone_comes_in_two_parcels() {
    let stock = [("VendorA", 10), ("VendorB", 5)];
    let market = Market::open(&[], &stock, false).await;
    let id = order(&market, 12).await;
    let order = becomes(&market, &id, "delivered").await;
    let line = &order["lines"][0];
    assert_eq!(
        (&line["shipped"], &line["delivered"]),
        (&json!(12), &json!(12))
    );
    let mut parcels: Vec<_> = order["shipments"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|of| (of["vendor"].clone(), of["lines"][0]["quantity"].clone()))
        .collect();
    parcels.sort_by_key(|(vendor, _)| vendor.to_string());
    let expected = [(json!("VendorA"), json!(10)), (json!("VendorB"), json!(2))];
    assert_eq!(parcels, expected);
    market.adds_up().await;
}

#[tokio::test]
async fn five_hundred_units_at_three_vendors_are_sold_and_no_more() {
    let market = Market::open(QUICK, THREE, false).await;
    let address = market.shop.app.address();
    let buyers = Buyers::begin(address, 64, 2_000, one_to_three);
    let (accepted, refused) = buyers.done().await;
    assert_eq!(accepted + refused, 2_000);
    let sales = market.settled().await;
    assert_eq!((sales.sold, sales.uncertain, sales.failed), (500, 0, 0));
    assert_eq!(market.taken().await, 500);
    market.adds_up().await;
}

/// A fifth of the calls fail, a tenth of the answers are lost, one vendor is down half of the time, and the server is
/// killed five times.
async fn sold_among_faults(honours_keys: bool) -> Market {
    let mut market = Market::open(QUICK, THREE, honours_keys).await;
    let faults = |down| {
        json!({
            "errorPercent": 20, "lostPercent": 10, "latencyMs": "0-20", "down": down,
            "honoursKeys": honours_keys,
        })
    };
    for (_, vendor) in &market.vendors {
        vendor.faults(&faults(false)).await;
    }
    let address = market.shop.app.address();
    let buyers = Buyers::begin(address, 64, 2_000, one_to_three);
    for round in 1..=5 {
        vendor(&market, 1).faults(&faults(round % 2 == 1)).await;
        buyers.have_placed(round * 60).await;
        market.shop.app.kill().await.expect("it runs");
        market.shop.app.start().await.expect("it starts again");
    }
    let (accepted, refused) = buyers.done().await;
    assert_eq!(accepted + refused, 2_000);
    for (_, vendor) in &market.vendors {
        vendor.faults(&json!({"honoursKeys": honours_keys})).await;
    }
    market
}

#[tokio::test]
async fn with_keys_nothing_is_uncertain_whatever_fails() {
    let market = sold_among_faults(true).await;
    let sales = market.settled().await;
    assert_eq!(sales.uncertain, 0);
    market.given_back(sales.sold).await;
    assert_eq!(market.taken().await, sales.sold);
    market.adds_up().await;
}

#[tokio::test]
async fn without_keys_no_call_is_repeated_and_what_is_uncertain_is_known() {
    let market = sold_among_faults(false).await;
    market.adds_up().await;
}

#[tokio::test]
async fn a_vendor_that_is_down_is_passed_over_and_asked_again_once_it_is_back() {
    let mut settings = QUICK.to_vec();
    settings.push("breaker.failure_threshold=2");
    let market = Market::open(&settings, &[("North", 50), ("South", 50)], false).await;
    vendor(&market, 0).faults(&json!({"down": true})).await;
    let first = order(&market, 1).await;
    // What was sent and has no answer must not be asked of it again.
    agreed(&market, &first).await;
    for _ in 0..4 {
        let id = order(&market, 1).await;
        assert_eq!(agreed_vendors(&agreed(&market, &id).await), ["South"]);
    }
    vendor(&market, 0).faults(&json!({})).await;
    let back = async {
        loop {
            let id = order(&market, 1).await;
            if agreed_vendors(&agreed(&market, &id).await) == ["North"] {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(HANGS, back).await.expect("it is asked again");
    market.adds_up().await;
}

#[tokio::test]
async fn a_vendor_that_takes_its_time_delays_no_order_that_does_not_need_it() {
    let settings = ["vendors.timeout_ms=60s"];
    let market = Market::open(&settings, &[("Slow", 1), ("Quick", 50)], false).await;
    let faults = json!({"latencyMs": "30000"});
    vendor(&market, 0).faults(&faults).await;
    let slow = order(&market, 1).await;
    for _ in 0..20 {
        let id = order(&market, 1).await;
        agreed(&market, &id).await;
    }
    let order = market.shop.get(&format!("/v1/orders/{slow}")).await;
    assert_eq!(order["status"], "pending");
}

#[tokio::test]
async fn an_order_that_vendors_do_not_answer_fails_in_its_time_and_keeps_nothing() {
    let settings = [
        "vendors.order_timeout_ms=500",
        "vendors.retry_delay_ms=20",
        "breaker.reset_timeout_ms=300",
    ];
    let market = Market::open(&settings, &[("North", 5)], true).await;
    vendor(&market, 0)
        .faults(&json!({"down": true, "honoursKeys": true}))
        .await;
    let id = order(&market, 2).await;
    let failed = becomes(&market, &id, "failed").await;
    assert_eq!(failed["lines"][0]["cancelled"], 2);
    vendor(&market, 0)
        .faults(&json!({"honoursKeys": true}))
        .await;
    market.adds_up().await;
    assert_eq!(market.taken().await, 0);
}

#[tokio::test]
async fn buyers_of_one_vendors_last_units_get_each_once() {
    let units = if std::env::var_os("WAYBILL_TEST_LONG").is_some() {
        10_000
    } else {
        400
    };
    let market = Market::open(&["vendors.calls_at_once=32"], &[("North", units)], true).await;
    let orders = usize::try_from(units).expect("few") + 100;
    let address = market.shop.app.address();
    let buyers = Buyers::begin(address, 256, orders, |_| 1);
    let (accepted, refused) = buyers.done().await;
    assert_eq!((accepted, refused), (orders - 100, 100));
    assert_eq!(market.settled().await.sold, units);
    assert_eq!(market.taken().await, units);
    market.adds_up().await;
}

#[tokio::test]
async fn readings_under_load_lose_no_hold_and_sell_nothing_twice() {
    let mut settings = QUICK.to_vec();
    settings.push("vendors.sync_interval_ms=50ms");
    let market = Market::open(&settings, THREE, true).await;
    for (_, vendor) in &market.vendors {
        let faults = json!({"latencyMs": "0-40", "honoursKeys": true});
        vendor.faults(&faults).await;
    }
    let address = market.shop.app.address();
    let buyers = Buyers::begin(address, 16, 400, one_to_three);
    let (accepted, _) = buyers.done().await;
    assert!(accepted > 0);
    let sales = market.settled().await;
    market.given_back(sales.sold).await;
    assert_eq!(market.taken().await, sales.sold);
    market.adds_up().await;
}

/// What a server with a planted defect comes to, with calls whose answers are lost or late.
async fn with_defect(
    defect: &str,
    timeouts: [&str; 2],
    faults: &Value,
    honours_keys: bool,
) -> Market {
    let [of_call, of_order] = timeouts;
    let settings = [
        of_call,
        of_order,
        "vendors.retry_delay_ms=20",
        "breaker.failure_threshold=1000000",
    ];
    let market = Market::open_with_defect(defect, &settings, &[("North", 50)], honours_keys).await;
    vendor(&market, 0).faults(faults).await;
    let id = order(&market, 2).await;
    reaches(&market, &id, |order| order["status"] != "pending").await;
    vendor(&market, 0)
        .faults(&json!({"honoursKeys": honours_keys}))
        .await;
    market.settled().await;
    market
}

#[tokio::test]
async fn the_checkers_find_a_call_that_is_repeated_without_a_key() {
    let lost = json!({"lostPercent": 100});
    let timeouts = ["vendors.timeout_ms=300", "vendors.order_timeout_ms=1s"];
    let right = with_defect("", timeouts, &lost, false).await;
    assert_eq!(right.done_twice().await, Vec::<String>::new());
    let wrong = with_defect("repeat_without_key", timeouts, &lost, false).await;
    assert_ne!(wrong.done_twice().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_checkers_find_an_expiry_that_ignores_the_call_under_way() {
    // The call is made long before the order's time has passed, and answered long after: the units go back.
    let late = json!({"latencyMs": "4000", "honoursKeys": true});
    let timeouts = ["vendors.timeout_ms=30s", "vendors.order_timeout_ms=2s"];
    let right = with_defect("", timeouts, &late, true).await;
    right.given_back(0).await;
    assert_eq!((right.sales().await.sold, right.taken().await), (0, 0));
    let wrong = with_defect("expire_under_way", timeouts, &late, true).await;
    assert_eq!((wrong.sales().await.sold, wrong.taken().await), (0, 2));
}

#[tokio::test]
async fn the_checkers_find_units_that_are_taken_twice() {
    let market = Market::open_with_defect("take_twice", &[], &[("North", 50)], true).await;
    let id = order(&market, 2).await;
    becomes(&market, &id, "delivered").await;
    let report = market.shop.app.verify().await.expect("it can be verified");
    let found = format!("{:?}", report.findings);
    assert!(found.contains("I5") && found.contains("North"), "{found}");
}

/// What our copy has of two units that were sold while the vendor's list was on its way.
async fn sold_while_the_list_is_on_its_way(defect: &str) -> i64 {
    let settings = ["vendors.timeout_ms=30s"];
    let market = Market::open_with_defect(defect, &settings, &[("North", 50)], true).await;
    for number in 0..60 {
        vendor(&market, 0).has(&format!("OTHER-{number}"), 1).await;
    }
    // The list leaves at once and takes seconds to arrive; an answer to a call is short.
    let faults = json!({"dripBytesPerS": 1_000, "honoursKeys": true});
    vendor(&market, 0).faults(&faults).await;
    let before = market.readings().await;
    let reading = market.shop.sync("North");
    let selling = async {
        while market.readings().await == before {
            sleep(Duration::from_millis(10)).await;
        }
        // The request is on its way to a vendor on this machine.
        sleep(Duration::from_millis(300)).await;
        let id = order(&market, 2).await;
        agreed(&market, &id).await;
    };
    let (read, ()) = tokio::join!(reading, selling);
    assert_eq!(read["error"], Value::Null);
    let copy = market.shop.copy("North").await;
    copy.iter().find(|(sku, _)| sku == SKU).expect("a row").1
}

#[tokio::test]
async fn the_checkers_find_a_list_that_overwrites_what_it_did_not_see() {
    assert_eq!(sold_while_the_list_is_on_its_way("").await, 48);
    assert_eq!(
        sold_while_the_list_is_on_its_way("snapshot_overwrites").await,
        50
    );
}

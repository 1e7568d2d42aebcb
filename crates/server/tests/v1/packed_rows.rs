//! The log has rows of several events: a page that ends inside of a row is followed by one that goes on inside of it.

use std::collections::BTreeMap;

use serde_json::Value;
use waybill_testkit::server::Start;

use crate::shop::{AT_ONCE, NEVER, Shop, id, small};

const ORDERS: usize = 8;

/// Places orders, each of which begins with a row of two events, and reads the feed in pages of `limit`. Returns the
/// types of each order's events that the feed has.
async fn fed_in_pages(defect: &str, limit: usize) -> BTreeMap<String, Vec<String>> {
    let start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
        .as_in(env!("CARGO_CRATE_NAME"))
        .delivering_within_ms(NEVER)
        .env("WAYBILL_ROLES", "api")
        .env("WAYBILL_TEST_DEFECT", defect);
    let shop = Shop::start(start).await;
    shop.stocked("MUG-1", 1_000).await;
    let mut fed = BTreeMap::new();
    for n in 0..ORDERS {
        let placed = shop.placed(&format!("key-{n}"), &small("MUG-1", 1)).await;
        fed.insert(id(&placed), vec![]);
    }
    let mut after = String::new();
    loop {
        let path = format!("/v1/events?limit={limit}{after}");
        let page: Value = shop.get(&path).await.json();
        let events = page["items"].as_array().expect("a list");
        if events.is_empty() {
            return fed;
        }
        for event in events {
            let Some(order) = event["orderId"].as_str() else {
                continue;
            };
            let kinds = fed.get_mut(order).expect("one of ours");
            kinds.push(event["type"].as_str().expect("a type").to_owned());
        }
        let next = page["next"].as_str().expect("always a cursor");
        after = format!("&after={next}");
    }
}

#[tokio::test]
async fn a_page_that_ends_inside_of_a_row_leaves_nothing_out() {
    for limit in [1, 2, 3] {
        for (order, kinds) in fed_in_pages("none", limit).await {
            assert_eq!(
                kinds,
                ["order.created", "order.confirmed"],
                "{order} {limit}"
            );
        }
    }
}

/// The test can fail: a reader that goes on behind the row leaves the rest of it out.
#[cfg(feature = "planted-defects")]
#[tokio::test]
async fn pages_that_pass_the_rest_of_a_row_are_found_out() {
    let fed = fed_in_pages("pass_rest_of_row", 1).await;
    assert!(
        fed.values().all(|kinds| kinds == &["order.created"]),
        "{fed:?}"
    );
}

/// The first cell of a query on the store.
fn cell(shop: &Shop, sql: &str) -> String {
    if let Some(database) = shop.0.database() {
        return database.sql(sql).expect("it is right").trim().to_owned();
    }
    let db = rusqlite::Connection::open(shop.0.data().join("waybill.db")).expect("it is SQLite");
    db.query_row(sql, [], |row| row.get(0)).expect("a text")
}

const PLAIN_AND_PACKED: &str = "SELECT CAST(COUNT(*) - COUNT(packed) AS text) || ' ' || CAST(COUNT(packed) AS text) FROM events \
                                WHERE order_id IS NOT NULL";
const OLDEST_BINARY: &str = "SELECT value FROM meta WHERE key = 'min_compatible'";

#[tokio::test]
async fn a_log_of_an_earlier_version_is_packed_once_somebody_says_so() {
    let mut shop = Shop::with_plain_log(AT_ONCE).await;
    shop.stocked("MUG-1", 1_000).await;
    let before = id(&shop.placed("before", &small("MUG-1", 1)).await);
    shop.follow(&before, None)
        .await
        .until("order.delivered")
        .await;
    assert_eq!(cell(&shop, PLAIN_AND_PACKED), "8 0");
    assert!(shop.0.stop().await.expect("it stops").success());

    let mut migrate = shop.0.command("migrate");
    migrate.args(["--pack-log", "--json"]);
    if shop.0.database().is_none() {
        migrate.arg("--data").arg(shop.0.data());
    }
    let output = migrate.output().await.expect("the command runs");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["log"], "packed", "{told}");
    let schema = told["to"].as_i64().expect("a schema");
    assert_eq!(cell(&shop, OLDEST_BINARY), format!("{schema}:16"));

    shop.0.start().await.expect("it starts");
    let after = id(&shop.placed("after", &small("MUG-1", 1)).await);
    shop.follow(&after, None)
        .await
        .until("order.delivered")
        .await;
    let rows = cell(&shop, PLAIN_AND_PACKED);
    let packed = rows.strip_prefix("8 ").expect("those before stay");
    assert!(packed.parse::<u32>().expect("a number") < 8, "{rows}");
    for order in [before, after] {
        let page: Value = shop.get(&format!("/v1/orders/{order}/events")).await.json();
        let items = page["items"].as_array().expect("a list");
        let numbers = items.iter().map(|event| &event["position"]);
        assert_eq!(numbers.count(), 8, "{page}");
    }
    let report = shop.0.verify().await.expect("it can be verified");
    assert!(report.ok, "{:?}", report.findings);
}

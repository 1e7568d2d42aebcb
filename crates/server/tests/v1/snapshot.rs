//! A copy of all orders, begun from the snapshot while they move and kept up to date from the feed.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use crate::shop::{NEVER, Shop, id, small};

/// What a client keeps of an order: where it stands, and per line what of its units has come to what.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    version: i64,
    status: String,
    lines: BTreeMap<String, BTreeMap<String, i64>>,
}

const QUANTITIES: [&str; 6] = [
    "ordered",
    "reserved",
    "backordered",
    "shipped",
    "delivered",
    "cancelled",
];

impl Kept {
    fn of(order: &Value) -> Self {
        let mut kept = Self {
            version: order["version"].as_i64().expect("a version"),
            status: text(&order["status"]),
            ..Self::default()
        };
        kept.take_lines(&order["lines"]);
        kept
    }

    fn take_lines(&mut self, lines: &Value) {
        for line in lines.as_array().into_iter().flatten() {
            let kept = self.lines.entry(text(&line["id"])).or_default();
            for name in QUANTITIES {
                // Events leave out what is 0.
                let units = line[name].as_i64().unwrap_or(0);
                kept.insert(name.to_owned(), units);
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// A client's copy, as the documentation says that it is made.
#[derive(Default)]
struct Copy {
    orders: BTreeMap<String, Kept>,
    skipped: usize,
    taken: usize,
}

impl Copy {
    fn hear(&mut self, event: &Value) {
        if event["aggregate"]["type"] != "order" {
            return;
        }
        let sequence = event["sequence"].as_i64().expect("a sequence");
        let order = self.orders.entry(text(&event["orderId"])).or_default();
        if sequence <= order.version {
            self.skipped += 1;
            return;
        }
        assert_eq!(sequence, order.version + 1, "nothing is left out");
        order.version = sequence;
        self.taken += 1;
        order.status = text(&event["data"]["status"]);
        // What was ordered stands on the first event, in words of its own.
        if event["type"] != "order.created" {
            order.take_lines(&event["data"]["lines"]);
        }
    }
}

async fn read_pages(shop: &Shop, copy: &mut Copy, between: impl AsyncFn(usize)) -> String {
    let (mut cursor, mut after) = (None, String::new());
    for page in 0.. {
        let path = format!("/v1/orders/snapshot?limit=4{after}");
        let answer = shop.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let found: Value = answer.json();
        for order in found["items"].as_array().expect("items") {
            assert!(
                order.get("shipments").is_none(),
                "they are not of this moment"
            );
            copy.orders.insert(id(order), Kept::of(order));
        }
        cursor.get_or_insert(text(&found["cursor"]));
        match found["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
        between(page).await;
    }
    cursor.expect("a first page")
}

async fn follow(shop: &Shop, copy: &mut Copy, mut cursor: String) {
    loop {
        let path = format!("/v1/events?limit=100&after={cursor}");
        let page: Value = shop.get(&path).await.json();
        let events = page["items"].as_array().expect("items");
        events.iter().for_each(|event| copy.hear(event));
        cursor = text(&page["next"]);
        if events.is_empty() {
            return;
        }
    }
}

#[tokio::test]
async fn a_copy_from_the_snapshot_and_the_feed_is_what_the_orders_are() {
    let shop = Shop::open(NEVER).await;
    shop.stocked("a", 1_000).await;
    let mut made = vec![];
    for n in 0..14 {
        made.push(id(&shop.placed(&format!("k{n}"), &small("a", 2)).await));
    }
    let mut copy = Copy::default();
    let step = async |order: &str, to: &str| {
        let path = format!("/api/orders/{order}/simulate-delivery");
        let answer = shop.post(&path, &json!({"status": to})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut told = shop.follow(order, None).await;
        told.until(&format!("order.{to}")).await;
    };
    // Between two pages, orders of pages read and unread move and new ones come.
    let cursor = read_pages(&shop, &mut copy, async |page| {
        shop.placed(&format!("late{page}"), &small("a", 1)).await;
        step(&made[13 - page], "shipped").await;
        step(&made[page], "delivered").await;
    })
    .await;
    assert!(copy.orders.len() >= 14);
    step(&made[13], "delivered").await;
    follow(&shop, &mut copy, cursor).await;
    assert!(copy.skipped > 0, "later pages are newer than the first");
    assert!(copy.taken > 0, "orders moved after their page was read");
    for (order, kept) in &copy.orders {
        let now: Value = shop.get(&format!("/v1/orders/{order}")).await.json();
        assert_eq!(kept, &Kept::of(&now), "{order}");
    }
    let all: Value = shop.get("/v1/orders?limit=100").await.json();
    assert_eq!(
        all["items"].as_array().map(Vec::len),
        Some(copy.orders.len())
    );
}

#[tokio::test]
async fn a_snapshot_of_nothing_has_a_cursor_and_what_means_nothing_is_refused() {
    let shop = Shop::open(NEVER).await;
    let page: Value = shop.get("/v1/orders/snapshot").await.json();
    assert_eq!((&page["items"], &page["next"]), (&json!([]), &json!(null)));
    let order = id(&shop.placed("k", &small("a", 1)).await);
    let cursor = text(&page["cursor"]);
    let feed: Value = shop.get(&format!("/v1/events?after={cursor}")).await.json();
    assert_eq!(feed["items"][0]["orderId"], json!(order));
    for (query, code) in [
        ("after=7", "invalid_cursor"),
        ("limit=101", "invalid_parameter"),
        ("status=confirmed", "unknown_parameter"),
    ] {
        let answer = shop.get(&format!("/v1/orders/snapshot?{query}")).await;
        let problem: Value = answer.json();
        assert_eq!(
            (answer.status.as_u16(), text(&problem["code"])),
            (400, code.into())
        );
    }
    let answer = shop
        .ask(Method::POST, "/v1/orders/snapshot", &Value::Null)
        .await;
    assert_eq!(answer.status, 405);
}

//! Orders that wait for stock, are cancelled line by line, fail and are tried again: what a shop sees of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::market::{HANGS, Market, SKU};
use super::shop::Shop;

/// Numbers the orders of one test program.
static NEXT: AtomicUsize = AtomicUsize::new(0);

async fn stock(shop: &Shop, change: Value) -> Value {
    let (status, row) = shop.send(Method::PUT, "/v1/stock/MUG", &change).await;
    assert_eq!(status, 200, "{row}");
    row
}

/// Places an order of these lines; its id.
async fn placed(shop: &Shop, policy: &str, lines: &[(&str, i64)], more: Value) -> String {
    let line = |(sku, quantity): &(&str, i64)| json!({"sku": sku, "quantity": quantity, "unitPrice": "10.00"});
    let mut body = json!({
        "currency": "EUR", "allocationPolicy": policy,
        "clientReference": format!("wait-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        "lines": lines.iter().map(line).collect::<Vec<_>>(),
    });
    let members = body.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    let (status, order) = shop.send(Method::POST, "/v1/orders", &body).await;
    assert_eq!(status, 201, "{order}");
    order["id"].as_str().expect("an id").to_owned()
}

async fn reaches(shop: &Shop, path: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    let reached = async {
        loop {
            let shown = shop.get(path).await;
            if is_there(&shown) {
                return shown;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let reached = timeout(HANGS, reached).await;
    reached.unwrap_or_else(|_| panic!("{path} waits: {}", shop.app.output()))
}

async fn becomes(shop: &Shop, id: &str, status: &str) -> Value {
    let path = format!("/v1/orders/{id}");
    reaches(shop, &path, |order| order["status"] == status).await
}

async fn adds_up(shop: &Shop) {
    let report = shop.app.verify().await.expect("it can be verified");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

async fn command(shop: &Shop, id: &str, path: &str) -> (u16, Value) {
    let path = format!("/v1/orders/{id}/{path}");
    shop.send(Method::POST, &path, &json!({})).await
}

#[tokio::test]
async fn orders_wait_for_stock_and_get_it_in_the_order_in_which_they_came() {
    let shop = Shop::open().await;
    stock(&shop, json!({"onHand": 1})).await;
    let mut ids = vec![];
    for units in [3, 2, 1] {
        let id = placed(&shop, "backorder", &[("MUG", units)], json!({})).await;
        becomes(&shop, &id, "backordered").await;
        ids.push(id);
    }
    stock(&shop, json!({"delta": 3})).await;
    becomes(&shop, &ids[0], "delivered").await;
    let second = shop.get(&format!("/v1/orders/{}", ids[1])).await;
    assert_eq!(
        (&second["status"], &second["lines"][0]["reserved"]),
        (&json!("backordered"), &json!(1))
    );
    // A cancellation frees what it had for the one that came later.
    assert_eq!(command(&shop, &ids[1], "cancel").await.0, 200);
    becomes(&shop, &ids[2], "delivered").await;
    adds_up(&shop).await;
}

#[tokio::test]
async fn an_order_that_ships_in_parts_ships_what_is_there_and_the_rest_later() {
    let shop = Shop::open().await;
    stock(&shop, json!({"onHand": 2})).await;
    let id = placed(&shop, "ship_partial", &[("MUG", 5)], json!({})).await;
    let path = format!("/v1/orders/{id}");
    let partly = reaches(&shop, &path, |order| order["lines"][0]["delivered"] == 2).await;
    assert_eq!(
        (&partly["status"], &partly["lines"][0]["backordered"]),
        (&json!("partially_shipped"), &json!(3))
    );
    stock(&shop, json!({"delta": 3})).await;
    let all = becomes(&shop, &id, "delivered").await;
    assert_eq!(all["lines"][0]["delivered"], 5);
    assert_eq!(all["shipments"].as_array().map(Vec::len), Some(2), "{all}");
    adds_up(&shop).await;
}

#[tokio::test]
async fn a_vendor_that_has_more_again_is_asked_for_an_order_that_waits() {
    let market = Market::open(&[], &[("North", 2), ("South", 1)], true).await;
    let shop = &market.shop;
    let id = placed(shop, "backorder", &[(SKU, 5)], json!({})).await;
    let waiting = becomes(shop, &id, "backordered").await;
    assert_eq!(waiting["lines"][0]["reserved"], 3, "{waiting}");
    market.vendors[1].1.has(SKU, 4).await;
    shop.sync("South").await;
    let all = becomes(shop, &id, "delivered").await;
    assert_eq!(all["lines"][0]["delivered"], 5);
    assert_eq!(market.taken().await, 5);
    adds_up(shop).await;
}

#[tokio::test]
async fn a_count_below_what_is_reserved_takes_back_what_is_not_confirmed_and_records_the_rest() {
    let shop = Shop::open().await;
    stock(&shop, json!({"onHand": 6})).await;
    let hold = json!({"holds": ["manual"]});
    let confirmed = placed(&shop, "reject", &[("MUG", 3)], hold).await;
    let waits = placed(&shop, "backorder", &[("MUG", 5)], json!({})).await;
    becomes(&shop, &waits, "backordered").await;
    let row = stock(&shop, json!({"onHand": 2, "reason": "burst pipe"})).await;
    assert_eq!(
        (&row["onHand"], &row["reserved"], &row["shortfall"]),
        (&json!(2), &json!(6), &json!(4))
    );
    let path = "/v1/stock/MUG";
    let row = reaches(&shop, path, |row| row["reserved"] == 3).await;
    assert_eq!(
        (&row["shortfall"], &row["available"]),
        (&json!(1), &json!(0))
    );
    let order = shop.get(&format!("/v1/orders/{waits}")).await;
    assert_eq!(order["lines"][0]["backordered"], 5);
    let kept = shop.get(&format!("/v1/orders/{confirmed}")).await;
    assert_eq!(
        (&kept["status"], &kept["lines"][0]["reserved"]),
        (&json!("confirmed"), &json!(3))
    );
    let feed = shop.get("/v1/events?limit=100").await;
    let events = feed["items"].as_array().expect("a list").iter();
    let short: Vec<&Value> = events.filter(|of| of["type"] == "stock.shortage").collect();
    assert_eq!(short.len(), 1, "{feed}");
    assert_eq!(short[0]["data"]["shortfall"], 4, "{}", short[0]);
    // The units turn up again.
    stock(&shop, json!({"onHand": 8})).await;
    becomes(&shop, &waits, "delivered").await;
    adds_up(&shop).await;
}

#[tokio::test]
async fn a_failed_order_is_tried_again_with_the_vendor_that_refused_it() {
    let market = Market::open(&[], &[("North", 4)], true).await;
    let shop = &market.shop;
    market.vendors[0].1.has(SKU, 0).await;
    let id = placed(
        shop,
        "reject",
        &[(SKU, 1), (SKU, 2)],
        json!({"holds": ["manual"]}),
    )
    .await;
    assert_eq!(command(shop, &id, "lines/1/cancel").await.0, 200);
    becomes(shop, &id, "failed").await;
    market.vendors[0].1.has(SKU, 4).await;
    let (status, retried) = command(shop, &id, "retry").await;
    assert_eq!(
        (status, &retried["status"]),
        (202, &json!("pending")),
        "{retried}"
    );
    let order = becomes(shop, &id, "confirmed").await;
    let units = |line: usize, name: &str| order["lines"][line][name].clone();
    assert_eq!(
        (units(0, "cancelled"), units(1, "reserved")),
        (json!(1), json!(2)),
        "{order}"
    );
    assert_eq!(command(shop, &id, "retry").await.0, 409);
    market.given_back(2).await;
    assert_eq!(market.taken().await, 2);
    adds_up(shop).await;
}

#[tokio::test]
async fn a_line_is_cancelled_alone_and_its_units_go_back_to_the_vendor() {
    let market = Market::open(&[], &[("North", 9)], true).await;
    let shop = &market.shop;
    stock(shop, json!({"onHand": 0})).await;
    let id = placed(
        shop,
        "backorder",
        &[(SKU, 3), ("MUG", 1), (SKU, 2)],
        json!({}),
    )
    .await;
    let path = format!("/v1/orders/{id}");
    reaches(shop, &path, |order| {
        order["lines"][0]["reserved"] == 3 && order["lines"][2]["reserved"] == 2
    })
    .await;
    assert_eq!(market.taken().await, 5);
    let (status, order) = command(shop, &id, "lines/1/cancel").await;
    assert_eq!(
        (status, &order["lines"][0]["cancelled"]),
        (200, &json!(3)),
        "{order}"
    );
    market.given_back(2).await;
    let (status, problem) = command(shop, &id, "lines/9/cancel").await;
    assert_eq!((status, &problem["code"]), (404, &json!("line_not_found")));
    // Without the line that waits, the rest is complete.
    assert_eq!(command(shop, &id, "lines/2/cancel").await.0, 200);
    becomes(shop, &id, "delivered").await;
    let (status, problem) = command(shop, &id, "lines/3/cancel").await;
    assert_eq!((status, &problem["code"]), (409, &json!("line_too_late")));
    adds_up(shop).await;
}

#[tokio::test]
async fn the_promised_date_ends_the_wait_and_gives_back_what_was_reserved() {
    let shop = Shop::open().await;
    let row = stock(&shop, json!({"onHand": 1})).await;
    let now: jiff::Timestamp = row["updatedAt"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let soon = now + Duration::from_millis(1_500);
    let promised = json!({"promisedBy": soon.to_string()});
    let id = placed(&shop, "backorder", &[("MUG", 2)], promised).await;
    let order = becomes(&shop, &id, "failed").await;
    assert_eq!(order["lines"][0]["cancelled"], 2);
    let row = shop.get("/v1/stock/MUG").await;
    assert_eq!(
        (&row["reserved"], &row["available"]),
        (&json!(0), &json!(1))
    );
    let history = shop.get(&format!("/v1/orders/{id}/transitions")).await;
    let steps = history["history"].as_array().expect("a list");
    let last = steps.last().expect("a step");
    assert_eq!(last["reason"], "promise date passed");
    adds_up(&shop).await;
}

#[tokio::test]
async fn explain_says_what_an_order_waits_for_and_what_may_be_done() {
    let market = Market::open(&[], &[("North", 3)], true).await;
    let shop = &market.shop;
    let down = json!({"down": true, "honoursKeys": true});
    market.vendors[0].1.faults(&down).await;
    let asked = placed(shop, "reject", &[(SKU, 1)], json!({})).await;
    let path = format!("/v1/orders/{asked}/explain");
    let tried = |shown: &Value| {
        let detail = shown["waitsFor"][0]["detail"].as_str().unwrap_or_default();
        shown["waitsFor"][0]["kind"] == "vendor" && detail.contains("the last:")
    };
    let shown = reaches(shop, &path, tried).await;
    assert!(shown["nextAt"].is_string(), "{shown}");
    assert_eq!(
        shown["actions"],
        json!(["cancel", "cancel_line", "place_hold"])
    );

    stock(shop, json!({"onHand": 1})).await;
    let held = placed(
        shop,
        "reject",
        &[("MUG", 1)],
        json!({"holds": ["fraud_review"]}),
    )
    .await;
    let shown = shop.get(&format!("/v1/orders/{held}/explain")).await;
    assert_eq!(shown["waitsFor"][0]["kind"], "hold");
    assert_eq!(
        shown["actions"],
        json!(["cancel", "place_hold", "release_hold"])
    );

    let short = placed(shop, "backorder", &[("MUG", 2)], json!({})).await;
    becomes(shop, &short, "backordered").await;
    let shown = shop.get(&format!("/v1/orders/{short}/explain")).await;
    assert_eq!(shown["waitsFor"][0]["kind"], "stock", "{shown}");
    command(shop, &short, "cancel").await;
    let shown = shop.get(&format!("/v1/orders/{short}/explain")).await;
    assert_eq!(
        (&shown["waitsFor"], &shown["actions"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn orders_that_are_being_filled_survive_kills_and_each_unit_goes_to_one() {
    let mut shop = Shop::open().await;
    stock(&shop, json!({"onHand": 0})).await;
    let mut ids = vec![];
    for _ in 0..120 {
        ids.push(
            placed(
                &shop,
                "backorder",
                &[("MUG", 2)],
                json!({"holds": ["manual"]}),
            )
            .await,
        );
    }
    for round in 1..=4 {
        stock(&shop, json!({"delta": 50})).await;
        sleep(Duration::from_millis(round * 7)).await;
        shop.app.kill().await.expect("it runs");
        shop.app.start().await.expect("it starts again");
    }
    let row = reaches(&shop, "/v1/stock/MUG", |row| row["available"] == 0).await;
    assert_eq!(
        (&row["onHand"], &row["reserved"]),
        (&json!(200), &json!(200))
    );
    let mut confirmed = 0;
    for id in &ids {
        let path = format!("/v1/orders/{id}");
        let order = reaches(&shop, &path, |order| order["status"] != "pending").await;
        confirmed += usize::from(order["status"] == "confirmed");
    }
    assert_eq!(confirmed, 100);
    adds_up(&shop).await;
}

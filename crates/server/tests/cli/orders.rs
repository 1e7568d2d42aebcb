//! Holds, shipments and the feed, as a person types them.

use super::canned::Canned;
use super::typed::Person;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use super::shop::{Shop, id};

const PATIENCE: Duration = Duration::from_secs(30);
const CREATE: &str = "order create --sku a --price 1";

#[tokio::test]
async fn an_order_is_held_and_released() {
    let shop = Shop::open().await;
    let order = id(&shop.json(CREATE).await);
    let held = shop
        .json(&format!(
            "order hold {order} --reason fraud_review --note why"
        ))
        .await;
    let hold = &held["holds"][0];
    assert_eq!(
        (&hold["reason"], &hold["note"]),
        (&"fraud_review".into(), &"why".into())
    );
    let told = shop.person.types(&["order", "get", &order]).await;
    assert!(told.out.contains(&id(hold)), "{told:?}");
    let released = shop.json(&format!("order release {order}")).await;
    assert!(released["holds"][0]["releasedAt"].is_string(), "{released}");
    let again = shop.person.types(&["order", "release", &order]).await;
    assert_eq!(again.code, 3, "{again:?}");
}

#[tokio::test]
async fn a_shipment_is_listed_by_its_orders_number_and_told_its_steps() {
    let shop = Shop::open().await;
    let order = shop.json(CREATE).await;
    let number = order["orderNumber"].as_str().expect("a number");
    // Delivery makes the shipment; the stream says when.
    let mut watching = shop.person.command(&["order", "watch", number, "--json"]);
    let mut watching = watching.spawn().expect("it runs");
    let mut lines = BufReader::new(watching.stdout.take().expect("piped")).lines();
    let shipment = loop {
        let list = shop.json(&format!("shipment list --order {number}")).await;
        if let Some(shipment) = list["items"].get(0) {
            break id(shipment);
        }
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time");
        assert!(line.expect("read").is_some(), "the watching ended");
    };
    let line = format!("shipment status {shipment} shipped --carrier DHL --tracking-number 17");
    let shipped = shop.json(&line).await;
    assert_eq!(
        (&shipped["status"], &shipped["carrier"]),
        (&"shipped".into(), &"DHL".into())
    );
    let got = shop.json(&format!("shipment get {shipment}")).await;
    assert_eq!(got, shipped);
    let told = shop
        .person
        .types(&["shipment", "list", "--status", "shipped"])
        .await;
    assert!(
        told.out.contains(&shipment) && told.out.contains("DHL"),
        "{told:?}"
    );
    let back = shop
        .person
        .types(&["shipment", "status", &shipment, "processing"])
        .await;
    assert_eq!(back.code, 4, "{back:?}");
    watching.kill().await.expect("it ends");
}

#[tokio::test]
async fn the_feed_is_followed_and_goes_on_after_a_cursor() {
    let shop = Shop::open().await;
    shop.json(CREATE).await;
    let page = shop.json("events --limit 2").await;
    let items = page["items"].as_array().expect("a list");
    assert_eq!(items.len(), 2);
    let cursor = items[0]["cursor"].as_str().expect("a cursor");
    let mut following = shop
        .person
        .command(&["events", "--follow", "--json", "--after", cursor]);
    let mut following = following.stderr(Stdio::null()).spawn().expect("it runs");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines();
    let mut next = async || -> Value {
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time");
        let line = line.expect("read").expect("it goes on");
        serde_json::from_str(&line).expect("one event on a line")
    };
    assert_eq!(
        next().await["id"],
        items[1]["id"],
        "the one after the cursor comes first"
    );
    let second = id(&shop.json(CREATE).await);
    while next().await["orderId"] != second.as_str() {}
    following.kill().await.expect("it ends");
}

#[tokio::test]
async fn following_ends_quietly_with_its_reader_and_begins_now_if_asked() {
    let shop = Shop::open().await;
    let first = id(&shop.json(CREATE).await);
    // As with every pipe, the closed reader is noticed at the next line; so there is a next one.
    let line = "set -o pipefail; $WAYBILL events --follow | head -1";
    let mut ended = Box::pin(shop.person.in_shell(line));
    let told = loop {
        tokio::select! {
            told = &mut ended => break told,
            _ = shop.json(CREATE) => {}
        }
    };
    assert_eq!((told.code, told.out.lines().count()), (0, 1), "{told:?}");
    let mut following = shop.person.command(&["events", "--follow", "--new"]);
    let mut following = following.spawn().expect("it runs");
    let mut lines = BufReader::new(following.stdout.take().expect("piped")).lines();
    // When it began is not known here, so orders are placed until one of them is seen.
    let line = {
        let mut line = Box::pin(lines.next_line());
        loop {
            tokio::select! {
                line = &mut line => break line.expect("read").expect("it goes on"),
                _ = shop.json(CREATE) => {}
            }
        }
    };
    assert!(!line.contains(&first), "{line}");
    following.kill().await.expect("it ends");
}

#[tokio::test]
async fn a_list_goes_on_behind_an_empty_page_and_names_orders_that_cannot_be_shown() {
    let page = r#"{"items":[],"next":"c-1","unreadable":[{"id":"019a","orderNumber":"WB-7","detail":"it cannot be read"}]}"#;
    let server = Canned::answers("200 OK", "", page).await;
    let person = Person::at(&server.url, "t");
    let told = person.types(&["order", "list"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    for shown in [
        "no orders on this page",
        "unreadable: WB-7 (019a): it cannot be read",
        "more: waybill order list --after c-1",
    ] {
        assert!(told.out.contains(shown), "{shown}: {told:?}");
    }
}

#[tokio::test]
async fn a_count_below_zero_reaches_the_server_and_no_time_is_no_timeout() {
    let body = r#"{"code":"invalid_quantity","title":"No","detail":"a count is not below zero"}"#;
    let server = Canned::answers("422 Unprocessable Entity", "", body).await;
    let person = Person::at(&server.url, "t");
    let told = person.types(&["stock", "set", "A", "-5"]).await;
    assert!(told.err.contains("a count is not below zero"), "{told:?}");
    let told = person.types(&["order", "list", "--timeout", "0s"]).await;
    assert_eq!(told.code, 2, "{told:?}");
    assert!(told.err.contains("no answer comes within 0 s"), "{told:?}");
}

#[tokio::test]
async fn a_stock_row_that_adds_up_is_said_to() {
    let shop = Shop::open().await;
    let told = shop.person.types(&["stock", "reconcile", "a"]).await;
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.out.contains("nothing to mend"), "{told:?}");
    let told = shop.json("stock reconcile a --dry-run").await;
    assert_eq!(told["outcome"], "adds_up", "{told}");
    let told = shop.person.types(&["stock", "reconcile", "never"]).await;
    assert_eq!(told.code, 3, "{told:?}");
}

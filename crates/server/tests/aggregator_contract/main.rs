//! The aggregator dialect through the front door of the real binary, with real vendors behind it: paths, fields, statuses
//! and headers, exactly as its clients expect them.

mod cancel;
mod examples;
mod guests;
mod lists;
mod orders;
mod refusals;
mod shared_path;
mod short_orders;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::{Answer, Client};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::vendor::Vendor;

const BINARY: &str = env!("CARGO_BIN_EXE_waybill");
/// Longer than any step of a test takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
const ORDERS: &str = "/api/orders";
const NOWHERE: &str = "019a0000-0000-7000-8000-000000000000";

/// A server, and the two vendors that its clients know, with the stock that these begin with.
struct Market {
    app: Waybill,
    a: Vendor,
    b: Vendor,
}

impl Market {
    /// Nothing is shipped within a test.
    async fn open() -> Self {
        Self::of(demo().delivering_within_ms("600000")).await
    }

    async fn of(start: Start) -> Self {
        let vendor = |name| Vendor::start(BINARY, name, &[]).expect("a vendor");
        let (a, b) = (vendor("VendorA"), vendor("VendorB"));
        let app = start
            .env("VENDOR_A_URL", a.url())
            .env("VENDOR_B_URL", b.url())
            .env("STOCK_SYNC_INTERVAL", "3600000")
            .ready()
            .await
            .expect("the server starts");
        let market = Self { app, a, b };
        market.read_stock().await;
        market
    }

    /// Has the stock of both vendors read.
    async fn read_stock(&self) {
        for vendor in ["VendorA", "VendorB"] {
            let path = format!("/v1/vendors/{vendor}/sync");
            let begun = Instant::now();
            let answer = loop {
                let answer = post(&mut self.app.client(), &path, &[], &json!({})).await;
                // A server enters the vendors of its settings when it has begun to answer.
                if answer.status != 404 || begun.elapsed() > PATIENCE {
                    break answer;
                }
                tokio::time::sleep(LOOK).await;
            };
            assert_eq!(answer.status, 200, "{}", answer.text());
            let stock = answer.json::<Value>()["items"][0]["stock"].clone();
            assert_eq!(stock["error"], Value::Null, "{stock}");
        }
    }

    /// Units of a sku that the vendors say they have.
    async fn at_vendors(&self, sku: &str) -> [i64; 2] {
        let mut units = [0, 0];
        for (units, vendor) in units.iter_mut().zip([&self.a, &self.b]) {
            let stock = vendor.ask(Method::GET, "/stock", &Value::Null).await;
            let stock: Vec<Value> = stock.json();
            let row = stock.iter().find(|row| row["sku"] == sku);
            *units = row.map_or(0, |row| row["quantity"].as_i64().expect("units"));
        }
        units
    }
}

/// The server alone; its own stock is what a test counts.
fn demo() -> Start {
    Start::demo(BINARY).as_in(env!("CARGO_CRATE_NAME"))
}

/// A server that makes no tables by itself, with those made.
async fn migrated(start: Start) -> Waybill {
    let start = start.as_in(env!("CARGO_CRATE_NAME"));
    let mut app = start.prepared().expect("a folder");
    app.migrate().await.expect("its store has tables");
    app.start().await.expect("the server starts");
    app
}

/// A caller without a token.
fn guest(app: &Waybill) -> Client {
    Client::new(app.address())
}

/// An order of so many units of a sku.
fn order(sku: &str, quantity: i64) -> Value {
    json!({"customerId": "customer-123", "items": [{"sku": sku, "quantity": quantity}]})
}

async fn post(client: &mut Client, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let body = Bytes::from(body.to_string());
    let answer = client.send(Method::POST, path, headers, body).await;
    answer.expect("an answer")
}

/// Places an order that must be taken; the order as it is answered.
async fn placed(client: &mut Client, order: &Value) -> Value {
    let answer = post(client, ORDERS, &[], order).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let taken: Value = answer.json();
    assert_eq!(taken["success"], true, "{taken}");
    assert_eq!(taken["orderId"], taken["data"]["order"]["id"], "{taken}");
    taken["data"]["order"].clone()
}

fn id(order: &Value) -> &str {
    order["id"].as_str().expect("an id")
}

/// An order in the words of this dialect.
async fn read(client: &mut Client, id: &str) -> Value {
    let answer = client.get(&format!("{ORDERS}/{id}")).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json::<Value>()["data"]["order"].clone()
}

/// Reads an order until it has this status.
async fn reaches(client: &mut Client, id: &str, status: &str) -> Value {
    let begun = Instant::now();
    loop {
        let found = read(client, id).await;
        if found["status"] == status {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not {status} yet: {found}");
        tokio::time::sleep(LOOK).await;
    }
}

/// The status and the text of a refusal of this dialect.
fn refusal(answer: &Answer) -> (u16, String) {
    let body: Value = answer.json();
    assert_eq!(body["success"], false, "{body}");
    let error = body["error"].as_str().expect("a text");
    (answer.status.as_u16(), error.to_owned())
}

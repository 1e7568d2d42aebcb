//! Many buyers of what three vendors have, and what became of every unit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use waybill_testkit::http::Client;
use waybill_testkit::token;
use waybill_testkit::vendor::Vendor;

use super::shop::{BINARY, Shop};

/// Longer than everything that a test waits for takes.
pub const HANGS: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_millis(100);
pub const SKU: &str = "LAPTOP";

/// A server and the vendors that have one sku.
pub struct Market {
    pub shop: Shop,
    pub vendors: Vec<(&'static str, Vendor)>,
    begun: i64,
}

/// What became of all orders.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sales {
    /// Orders that wait for vendors, or whose reservations do.
    pub waiting: usize,
    /// Units of orders that go on.
    pub sold: i64,
    /// Units of which nobody knows whether the vendor has them.
    pub uncertain: i64,
    pub failed: usize,
}

impl Market {
    /// Vendors with so many units each, in the order of their priority.
    pub async fn open(
        settings: &[&str],
        stock: &[(&'static str, i64)],
        honours_keys: bool,
    ) -> Self {
        Self::open_with_defect("", settings, stock, honours_keys).await
    }

    /// The same with a planted defect in the server.
    pub async fn open_with_defect(
        defect: &str,
        settings: &[&str],
        stock: &[(&'static str, i64)],
        honours_keys: bool,
    ) -> Self {
        let shop = Shop::with_defect(defect, settings).await;
        let mut vendors = vec![];
        for (place, (name, units)) in (1_i64..).zip(stock) {
            let has = format!("{SKU}={units}");
            let vendor = Vendor::start(BINARY, name, &["--stock", &has]).expect("a vendor");
            vendor.faults(&json!({"honoursKeys": honours_keys})).await;
            let terms = json!({
                "baseUrl": vendor.url(), "priority": place, "idempotent": honours_keys,
                "rateLimitPerSecond": 10_000,
            });
            let path = format!("/v1/vendors/{name}");
            let (status, answer) = shop.send(Method::PUT, &path, &terms).await;
            assert_eq!(status, 201, "{answer}");
            shop.sync(name).await;
            vendors.push((*name, vendor));
        }
        let begun = stock.iter().map(|(_, units)| units).sum();
        Self {
            shop,
            vendors,
            begun,
        }
    }

    /// Units that the vendors gave and did not get back, by what they say they did.
    pub async fn taken(&self) -> i64 {
        let mut taken = 0;
        for (_, vendor) in &self.vendors {
            let ledger = vendor.ledger().await;
            for of in ledger["skus"].as_array().expect("a list") {
                let units = |name: &str| of[name].as_i64().expect("units");
                taken += units("reduced") - units("restored");
            }
        }
        taken
    }

    /// The keys of calls that a vendor carried out more than once.
    pub async fn done_twice(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let mut twice = vec![];
        for (_, vendor) in &self.vendors {
            let ledger = vendor.ledger().await;
            for entry in ledger["entries"].as_array().expect("a list") {
                let key = entry["key"].as_str().expect("a key").to_owned();
                if entry["done"] == true && !seen.insert(key.clone()) {
                    twice.push(key);
                }
            }
        }
        twice
    }

    /// Times that the server has begun to read stock.
    pub async fn readings(&self) -> i64 {
        let name = "waybill_stock_sync_readings_total";
        self.shop.app.metric(name).await.expect("a figure")
    }

    /// Every order of the tenant.
    pub async fn orders(&self) -> Vec<Value> {
        let mut orders = vec![];
        let mut after = String::new();
        loop {
            let page = self.shop.get(&format!("/v1/orders?limit=100{after}")).await;
            orders.extend(page["items"].as_array().expect("a list").iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return orders,
            }
        }
    }

    pub async fn sales(&self) -> Sales {
        let mut sales = Sales::default();
        for order in self.orders().await {
            let mut waits = order["status"] == "pending";
            sales.failed += usize::from(order["status"] == "failed");
            for line in order["lines"].as_array().expect("a list") {
                let units = |name: &str| line[name].as_i64().expect("units");
                sales.sold += units("ordered") - units("cancelled");
                for source in line["sources"].as_array().expect("a list") {
                    waits |= source["state"] == "held";
                    if source["uncertain"] == true {
                        sales.uncertain += source["quantity"].as_i64().expect("units");
                    }
                }
            }
            sales.waiting += usize::from(waits);
        }
        sales
    }

    /// Waits until no order and no reservation waits for a vendor.
    pub async fn settled(&self) -> Sales {
        let settled = async {
            loop {
                let sales = self.sales().await;
                if sales.waiting == 0 {
                    return sales;
                }
                sleep(LOOK).await;
            }
        };
        let settled = timeout(HANGS, settled).await;
        settled.unwrap_or_else(|_| panic!("orders still wait: {}", self.shop.app.output()))
    }

    /// Waits until the vendors have back what nobody wants any more: then they have given `most` units at most.
    pub async fn given_back(&self, most: i64) {
        let given_back = async {
            while self.taken().await > most {
                sleep(LOOK).await;
            }
        };
        let given_back = timeout(HANGS, given_back).await;
        assert!(given_back.is_ok(), "{} of {most}", self.taken().await);
    }

    /// Reads the vendors' stock; what can be sold then.
    pub async fn available(&self) -> i64 {
        for (name, _) in &self.vendors {
            let stock = self.shop.sync(name).await;
            assert_eq!(stock["error"], Value::Null, "{name}");
        }
        let page = self.shop.get(&format!("/v1/stock?sku={SKU}")).await;
        let rows = page["items"].as_array().expect("a list").iter();
        rows.map(|row| row["available"].as_i64().expect("units"))
            .sum()
    }

    /// Reads the vendors' stock until so many units can be sold, and never more: what was agreed to just before a reading
    /// counts as not in it.
    async fn has_left(&self, units: i64) -> i64 {
        let left = async {
            loop {
                let available = self.available().await;
                assert!(available <= units, "{available} can be sold of {units}");
                if available == units {
                    return available;
                }
                sleep(LOOK).await;
            }
        };
        let left = timeout(HANGS, left).await;
        left.expect("all that vendors have can be sold again")
    }

    /// Checks the store, and that the vendors, the orders and our copy agree on every unit.
    pub async fn adds_up(&self) {
        let sales = self.settled().await;
        self.given_back(sales.sold + sales.uncertain).await;
        let taken = self.taken().await;
        assert!(sales.sold <= taken, "{sales:?}, but vendors gave {taken}");
        let available = self.has_left(self.begun - taken).await;
        assert!(
            sales.sold + available + sales.uncertain >= self.begun,
            "{sales:?}, {available} can be sold"
        );
        assert_eq!(self.done_twice().await, Vec::<String>::new());
        let report = self.shop.app.verify().await.expect("it can be verified");
        assert!(report.ok, "{:?}", report.findings);
    }
}

/// Buyers that place orders until all are placed; an order whose answer is lost is placed again with its key.
pub struct Buyers {
    tasks: JoinSet<(usize, usize)>,
    pub placed: Arc<AtomicUsize>,
}

impl Buyers {
    /// `units` says how many units the order of a number is of.
    pub fn begin(
        address: SocketAddr,
        buyers: usize,
        orders: usize,
        units: fn(usize) -> usize,
    ) -> Self {
        let next = Arc::new(AtomicUsize::new(0));
        let placed = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..buyers {
            let (next, placed) = (next.clone(), placed.clone());
            tasks.spawn(async move {
                let mut client = client(address);
                let (mut accepted, mut refused) = (0, 0);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= orders {
                        return (accepted, refused);
                    }
                    match place(&mut client, address, number, units(number)).await {
                        201 => accepted += 1,
                        422 => refused += 1,
                        other => panic!("{other}"),
                    }
                    placed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { tasks, placed }
    }

    /// Waits until so many orders were placed.
    pub async fn have_placed(&self, orders: usize) {
        let placed = async {
            while self.placed.load(Ordering::Relaxed) < orders {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(HANGS, placed).await.expect("orders are placed");
    }

    /// How many orders were accepted, and how many were refused because there was too little.
    pub async fn done(mut self) -> (usize, usize) {
        let mut sums = (0, 0);
        while let Some(done) = timeout(HANGS, self.tasks.join_next())
            .await
            .expect("in time")
        {
            let (accepted, refused) = done.expect("a buyer");
            sums = (sums.0 + accepted, sums.1 + refused);
        }
        sums
    }
}

fn client(address: SocketAddr) -> Client {
    let token = token::sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({"clientId": "buyer", "tenant": "default", "scope": "admin"}),
        token::DEMO_SECRET.as_bytes(),
    );
    Client::new(address).with_token(&token)
}

async fn place(client: &mut Client, address: SocketAddr, number: usize, units: usize) -> u16 {
    let body = json!({
        "currency": "USD",
        "lines": [{"sku": SKU, "quantity": units, "unitPrice": "10.00"}],
    });
    let key = format!("order-{number}");
    loop {
        let body = Bytes::from(body.to_string());
        let headers = [("idempotency-key", key.as_str())];
        let sent = client.send(Method::POST, "/v1/orders", &headers, body);
        match timeout(Duration::from_secs(30), sent).await {
            Ok(Ok(answer)) if answer.status.as_u16() != 503 => return answer.status.as_u16(),
            // The server is being killed, or starts.
            _ => {
                sleep(Duration::from_millis(20)).await;
                *client = self::client(address);
            }
        }
    }
}

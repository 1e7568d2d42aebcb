//! Two services, and the checks on both of their stores.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use waybill_testkit::http::Client;
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::token;

use crate::broker::Broker;

/// How long nothing may happen. Only a hanging test waits that long for one thing.
pub const HANGS: Duration = Duration::from_secs(300);
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Clients that place orders at the same time.
const CLIENTS: usize = 8;

/// Where the services keep what they know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stores {
    Embedded,
    Postgres,
}

/// The services.
pub struct Services {
    pub orders: Waybill,
    /// The relay of the order service, when it is a process of its own.
    pub relay: Option<Waybill>,
    /// Processes of the delivery service.
    pub delivery: Vec<Waybill>,
    databases: Vec<Database>,
}

/// Looks again and again until what is seen is as it is to be. An error, with what was seen last, when nothing changes
/// for long: a slow machine is not a fault, one that stands still is.
async fn while_it_moves<T: PartialEq>(
    mut look: impl AsyncFnMut() -> T,
    reached: impl Fn(&T) -> bool,
) -> Result<T, T> {
    let (mut seen, mut since) = (look().await, Instant::now());
    while !reached(&seen) {
        if since.elapsed() > HANGS {
            return Err(seen);
        }
        sleep(LOOK_AGAIN * 10).await;
        let now = look().await;
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
    Ok(seen)
}

/// A service with these roles that uses the broker.
pub fn start(broker: &dyn Broker, roles: &str) -> Start {
    let mut start = Start::serve(env!("CARGO_BIN_EXE_waybill"), roles)
        .delivering_within_ms("0-100")
        .env("WAYBILL_RELAY__MAX_DELAY_MS", "500ms");
    for (name, value) in broker.environment() {
        start = start.env(name, value);
    }
    start
}

impl Services {
    /// One process for each service.
    pub async fn two(broker: &dyn Broker, stores: Stores) -> Self {
        let databases = match stores {
            Stores::Embedded => vec![],
            Stores::Postgres => databases(),
        };
        let mut orders = start(broker, "api,status,relay,housekeeping");
        let mut delivery = start(broker, "delivery,relay,housekeeping");
        if let [of_orders, of_delivery] = &databases[..] {
            orders = orders.on(&of_orders.url());
            delivery = delivery.on(&of_delivery.url());
        }
        Self {
            orders: ready(orders).await,
            relay: None,
            delivery: vec![ready(delivery).await],
            databases,
        }
        .stocked()
        .await
    }

    /// The order service with a relay of its own, and two processes of the delivery service, on two databases, with
    /// leases that run out soon.
    pub async fn many(broker: &dyn Broker) -> Self {
        let databases = databases();
        let [of_orders, of_delivery] = &databases[..] else {
            panic!("two databases");
        };
        let orders = start(broker, "api,status,housekeeping").on(&of_orders.url());
        let relay = start(broker, "relay").on(&of_orders.url());
        let delivery = start(broker, "delivery,relay,housekeeping").on(&of_delivery.url());
        let orders = ready(orders.with_short_leases()).await;
        let relay = ready(relay.with_short_leases()).await;
        let delivery = delivery.with_short_leases();
        Self {
            orders,
            relay: Some(relay),
            delivery: vec![ready(delivery.clone()).await, ready(delivery).await],
            databases,
        }
        .stocked()
        .await
    }

    async fn stocked(self) -> Self {
        self.orders.seed("MUG", 1_000_000).await.expect("stock");
        self
    }

    /// Places orders from several clients at once; their ids.
    pub async fn place(&self, count: usize, name: &str) -> Vec<String> {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (mut connection, name) = (self.orders.client(), name.to_owned());
            clients.spawn(async move {
                let mut ids = vec![];
                for n in (client..count).step_by(CLIENTS) {
                    let order = json!({"currency": "EUR", "lines": [{"sku": "MUG", "quantity": 2, "unitPrice": "1.00"}]});
                    let key = format!("{name}-{n}");
                    let headers = [("idempotency-key", key.as_str())];
                    let body = Bytes::from(order.to_string());
                    let placed = connection.send(Method::POST, "/v1/orders", &headers, body);
                    let answer = placed.await.expect("an answer");
                    assert_eq!(answer.status, 201, "{}", answer.text());
                    let order: Value = answer.json();
                    ids.push(order["id"].as_str().expect("an id").to_owned());
                }
                ids
            });
        }
        clients.join_all().await.concat()
    }

    /// Orders of the order service by status.
    pub async fn by_status(&self) -> BTreeMap<String, usize> {
        let mut client = self.orders.client();
        let mut counts = BTreeMap::new();
        for order in all(&mut client, "/v1/orders").await {
            let status = order["status"].as_str().expect("a status").to_owned();
            *counts.entry(status).or_default() += 1;
        }
        counts
    }

    /// Waits until every order is delivered; how long that took.
    pub async fn delivered(&self, orders: usize) -> Duration {
        let began = Instant::now();
        let whole = |counts: &BTreeMap<_, _>| counts.get("delivered") == Some(&orders);
        if let Err(counts) = while_it_moves(async || self.by_status().await, whole).await {
            panic!("{counts:?}\n{}", self.output());
        }
        began.elapsed()
    }

    /// Has both services publish again all that they have published, and waits until the other one had all of it once
    /// more; how many messages that were.
    pub async fn everything_again(&self) -> u64 {
        let before = self.repeated().await;
        let relays = [
            self.relay.as_ref().unwrap_or(&self.orders),
            &self.delivery[0],
        ];
        let mut sent = 0;
        for relay in relays {
            let mut client = delivery_client(relay);
            let body = Bytes::from(json!({"from": "2000-01-01T00:00:00Z"}).to_string());
            let asked = client.send(Method::POST, "/v1/relay/replay", &[], body);
            let asked = asked.await.expect("an answer");
            assert_eq!(asked.status, 202, "{}", asked.text());
            let replay = async || -> Value {
                let relay: Value = client.get("/v1/relay").await.expect("an answer").json();
                relay["replay"].clone()
            };
            let replay = while_it_moves(replay, |replay| replay["done"] == true).await;
            sent += replay.expect("a replay ends")["sent"]
                .as_u64()
                .expect("a number");
        }
        // One event is of stock, which neither service reads.
        let all = |repeated: &u64| *repeated >= before + sent - 1;
        if let Err(repeated) = while_it_moves(async || self.repeated().await, all).await {
            let repeated = repeated - before;
            panic!("{repeated} of {sent} came again\n{}", self.output());
        }
        sent
    }

    /// Messages that came once more, to all processes.
    async fn repeated(&self) -> u64 {
        let mut repeated = 0;
        for process in [&self.orders].into_iter().chain(&self.delivery) {
            let metrics = delivery_client(process).get("/metrics").await;
            let metrics = metrics.expect("an answer");
            repeated += metrics
                .text()
                .lines()
                .filter(|line| line.starts_with("waybill_inbox_messages_total{"))
                .filter(|line| line.contains("outcome=\"repeated\""))
                .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
                .sum::<u64>();
        }
        repeated
    }

    fn output(&self) -> String {
        let all = [&self.orders].into_iter().chain(&self.relay);
        let all = all.chain(&self.delivery);
        all.map(Waybill::output).collect()
    }

    /// Each order has one shipment, the numbers of each order's events are 1, 2, 3, …, stock agrees, and both stores
    /// are sound.
    pub async fn check(mut self, orders: &[String], stores: Stores) {
        let mut client = delivery_client(&self.delivery[0]);
        let mut shipments: BTreeMap<String, usize> = BTreeMap::new();
        for shipment in all(&mut client, "/v1/shipments").await {
            let order = shipment["orderId"].as_str().expect("an order").to_owned();
            *shipments.entry(order).or_default() += 1;
        }
        assert_eq!(shipments.len(), orders.len(), "every order has a shipment");
        for order in orders {
            assert_eq!(shipments.get(order), Some(&1), "shipments of {order}");
        }
        for order in orders.iter().step_by(orders.len().div_ceil(50).max(1)) {
            self.numbers_are_whole(order).await;
        }
        for dead in [&self.orders, &self.delivery[0]] {
            let mut client = delivery_client(dead);
            assert_eq!(
                all(&mut client, "/v1/dead-letters").await,
                Vec::<Value>::new()
            );
        }
        for process in self.relay.iter_mut().chain(&mut self.delivery) {
            assert!(process.stop().await.expect("it stops").success());
        }
        assert!(self.orders.stop().await.expect("it stops").success());
        for service in [&self.orders, &self.delivery[0]] {
            let mut verify = service.command("verify");
            if stores == Stores::Embedded {
                verify.arg("--data").arg(service.data());
            }
            let verified = timeout(HANGS, verify.output()).await;
            let verified = verified.expect("it ends").expect("it runs");
            let said = String::from_utf8_lossy(&verified.stdout);
            assert!(verified.status.success(), "{said}");
        }
        drop(self.databases);
    }

    async fn numbers_are_whole(&self, order: &str) {
        let mut client = self.orders.client();
        let events = all(&mut client, &format!("/v1/orders/{order}/events")).await;
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        for event in events {
            let aggregate = event["aggregate"].to_string();
            let seq = event["sequence"].as_i64().expect("a number");
            let before = last.insert(aggregate.clone(), seq).unwrap_or(0);
            assert_eq!(seq, before + 1, "{order}: {aggregate}");
        }
    }
}

/// Starts it, with its schema.
pub async fn ready(start: Start) -> Waybill {
    let mut app = start.prepared().expect("a folder");
    // Nothing is migrated twice, and an embedded store migrates itself.
    app.migrate().await.expect("the schema");
    app.start().await.expect("it starts");
    app
}

fn databases() -> Vec<Database> {
    let server = Postgres::shared().expect("the caller has asked");
    let database = || server.database(None).expect("a database");
    vec![database(), database()]
}

pub fn delivery_client(service: &Waybill) -> Client {
    Client::new(service.address()).with_token(&token::demo_for("default", "testkit"))
}

/// Every item of a list, page by page.
pub async fn all(client: &mut Client, path: &str) -> Vec<Value> {
    let (mut all, mut next) = (vec![], format!("{path}?limit=100"));
    loop {
        let answer = client.get(&next).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut page: Value = answer.json();
        let items = page["items"].as_array_mut().expect("a list");
        // A feed names a next page also behind its end.
        let is_end = items.is_empty();
        all.append(items);
        match page["next"].as_str().filter(|_| !is_end) {
            Some(cursor) => next = format!("{path}?limit=100&after={cursor}"),
            None => return all,
        }
    }
}

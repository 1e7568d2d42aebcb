//! A store full of delivered orders gets a relay, with both starting points and on both stores.
//!
//! `WAYBILL_TEST_RELAY_ORDERS=100000` makes a large one, and prints how many events a second leave it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http::Method;
use parking_lot::Mutex;
use serde_json::json;
use waybill_broker::message::Message;
use waybill_broker::publisher::{Published, Publisher};
use waybill_domain::event::Aggregate;
use waybill_domain::ids::OrderId;
use waybill_domain::status::OrderStatus;
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::unavailable::or_skip;

use super::wire::Wire;
use super::{Shop, folder};

/// Orders placed at the same time.
const TOGETHER: usize = 128;

const FAST: &[(&str, &str)] = &[
    ("delivery.ship_delay_ms", "0-1"),
    ("delivery.deliver_delay_ms", "0-1"),
];

fn orders() -> usize {
    let orders = std::env::var("WAYBILL_TEST_RELAY_ORDERS").ok();
    orders.map_or(150, |orders| orders.parse().expect("a number of orders"))
}

/// Confirms everything at once, and checks that the events of each aggregate come one after another from the first.
#[derive(Default)]
struct Audit(Mutex<Seen>);

#[derive(Clone, Default)]
struct Seen {
    last: HashMap<Aggregate, i64>,
    orders: HashSet<OrderId>,
    events: usize,
    wrong: Option<String>,
}

#[async_trait]
impl Publisher for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    async fn publish(&self, messages: Vec<Message>) -> Vec<Published> {
        let mut seen = self.0.lock();
        for message in &messages {
            let event = &message.event.event;
            let last = seen.last.insert(event.aggregate, event.seq).unwrap_or(0);
            if event.seq != last + 1 {
                let wrong = format!("{:?}: {} after {last}", event.aggregate, event.seq);
                seen.wrong.get_or_insert(wrong);
            }
            seen.orders.extend(event.order_id);
            seen.events += 1;
        }
        vec![Published::Confirmed; messages.len()]
    }
}

/// Waits for as long as so many orders may take.
async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !reached().await {
            // No signal covers a whole backlog.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let limit = Duration::from_secs(60 + orders() as u64 / 50);
    let found = tokio::time::timeout(limit, looks).await;
    found.unwrap_or_else(|_| panic!("it did not come to that: {what}"));
}

async fn delivered(shop: &Shop, count: usize) {
    until("delivered", async || {
        let stats = shop.app.store.stats().await.expect("read");
        let mut by_status = stats.orders_by_status.iter();
        let delivered = by_status.find(|(status, _)| *status == OrderStatus::Delivered);
        delivered.is_some_and(|(_, orders)| orders.unsigned_abs() as usize == count)
    })
    .await;
}

async fn place(shop: &Shop, count: usize) -> Vec<String> {
    let mut placed = vec![];
    while placed.len() < count {
        let many = (count - placed.len()).min(TOGETHER);
        let orders = (0..many).map(|_| shop.order());
        placed.extend(futures::future::join_all(orders).await);
    }
    placed
}

/// The events of the log, by order.
async fn log(shop: &Shop) -> BTreeMap<String, usize> {
    let mut events = BTreeMap::new();
    for partition in 0..shop.app.store.identity().partitions {
        let mut after = 0;
        loop {
            let read = shop.app.store.read_all(partition, after, 1_000).await;
            let read = read.expect("the log is read");
            let Some(last) = read.last() else { break };
            after = last.position;
            for event in read {
                *events.entry(event.event.key().to_string()).or_default() += 1;
            }
        }
    }
    events
}

/// A store of delivered orders, closed.
async fn full(folder: &Path, store: &[(&str, &str)]) {
    let settings = [FAST, store].concat();
    let shop = Shop::open(folder, "api,delivery,status", &Wire::open(), &settings).await;
    let count = json!({"onHand": orders() + 1_000, "reason": "count"});
    shop.ask(Method::PUT, "/v1/stock/a", &count).await;
    place(&shop, orders()).await;
    delivered(&shop, orders()).await;
    shop.close().await;
}

async fn everything_is_published(folder: &Path, store: &[(&str, &str)]) {
    full(folder, store).await;
    let audit = Arc::new(Audit::default());
    let began = Instant::now();
    let shop = Shop::open_with(folder, "relay", audit.clone(), store).await;
    let ends = shop.app.store.stats().await.expect("read").log_positions;
    until("published", async || {
        let stats = shop.app.store.stats().await.expect("read");
        let relay = stats.cursors.iter().filter(|(name, _, _)| name == "relay");
        let passed = relay.filter(|(_, part, at)| *at == ends.of(*part) && *at > 0);
        passed.count() == ends.0.iter().filter(|end| **end > 0).count()
    })
    .await;
    let took = began.elapsed();
    let seen = audit.0.lock().clone();
    assert_eq!(
        seen.wrong, None,
        "in order per aggregate, from its first event"
    );
    let log = log(&shop).await;
    assert_eq!(seen.events, log.values().sum::<usize>(), "each once");
    assert_eq!(seen.orders.len(), orders());
    println!(
        "{} events of {} orders in {took:?}: {:.0} events/s",
        seen.events,
        orders(),
        seen.events as f64 / took.as_secs_f64()
    );
    shop.close().await;
}

async fn only_later_orders_are_published(folder: &Path, store: &[(&str, &str)]) {
    full(folder, store).await;
    // Orders that are confirmed before the start, and delivered after it.
    let shop = Shop::open(folder, "api", &Wire::open(), store).await;
    let half: HashSet<String> = place(&shop, 20).await.into_iter().collect();
    shop.close().await;
    let audit = Arc::new(Audit::default());
    let settings = [FAST, store, &[("relay.start", "now")]].concat();
    // The relay begins alone, so that the moment is certain.
    let shop = Shop::open_with(folder, "relay", audit.clone(), &settings).await;
    until("begun", async || {
        let state = shop.app.store.relay_state().await.expect("read");
        let parts = usize::from(shop.app.store.identity().partitions);
        state.start.is_some_and(|start| start.0.len() == parts)
    })
    .await;
    shop.close().await;
    let roles = "api,delivery,status,relay";
    let shop = Shop::open_with(folder, roles, audit.clone(), &settings).await;
    let young: HashSet<String> = place(&shop, 20).await.into_iter().collect();
    delivered(&shop, orders() + 40).await;
    let log = log(&shop).await;
    let of_young: usize = young.iter().map(|order| log[order]).sum();
    until("published", async || audit.0.lock().events >= of_young).await;
    let view = async || shop.relay().await["lag"].clone();
    until("passed", async || view().await == 0).await;
    let seen = audit.0.lock().clone();
    assert_eq!(seen.wrong, None, "none is half of an order");
    let published = seen.orders.iter().map(ToString::to_string);
    let published: HashSet<String> = published.collect();
    assert_eq!(published, young);
    assert!(published.is_disjoint(&half));
    assert_eq!(seen.events, of_young);
    shop.close().await;
}

fn shared() -> Option<(Database, String)> {
    let postgres = or_skip(Postgres::shared())?;
    let database = postgres.database(None).expect("a database");
    let url = database.url();
    Some((database, url))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_added_later_publishes_everything_from_the_beginning() {
    everything_is_published(folder().path(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_starts_now_publishes_nothing_of_orders_placed_before() {
    only_later_orders_are_published(folder().path(), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_added_later_publishes_everything_of_a_shared_store() {
    let Some((_database, url)) = shared() else {
        return;
    };
    let store = [("store.url", url.as_str()), ("store.parts", "4")];
    everything_is_published(folder().path(), &store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_starts_now_leaves_out_earlier_orders_of_a_shared_store() {
    let Some((_database, url)) = shared() else {
        return;
    };
    let store = [("store.url", url.as_str()), ("store.parts", "4")];
    only_later_orders_are_published(folder().path(), &store).await;
}

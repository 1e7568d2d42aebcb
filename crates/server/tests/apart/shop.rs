//! One process that takes orders, two that run the consumers, and one database.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::unavailable::or_skip;

/// Every consumer that works by partitions, and the default number of partitions.
pub const EVERY_CONSUMER: [&str; 3] = ["delivery", "delivery-timers", "status"];
pub const PARTS: f64 = 16.0;

/// Far longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

pub struct Shop {
    pub api: Waybill,
    pub workers: Vec<Waybill>,
    database: Database,
    placed: AtomicUsize,
}

impl Shop {
    /// Opens it in a database of its own; `None` where there is no PostgreSQL.
    pub async fn open() -> Option<Self> {
        let server = or_skip(Postgres::shared())?;
        let database = server.database(None).expect("a database");
        let start = async |roles: &str| {
            let mut start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
                .delivering_within_ms("0-50")
                .env("DATABASE_URL", database.url())
                .env("DB_POOL_SIZE", "6")
                .env("WAYBILL_CONSUMERS__LEASE_MS", "3s")
                .arg("--roles")
                .arg(roles);
            for timeout in ["STATEMENT", "LOCK", "IDLE_IN_TRANSACTION", "TCP"] {
                start = start.env(&format!("WAYBILL_STORE__{timeout}_TIMEOUT_MS"), "2s");
            }
            start.ready().await.expect("it starts")
        };
        let api = start("api").await;
        let worker = "delivery,status,housekeeping";
        let workers = vec![start(worker).await, start(worker).await];
        Some(Self {
            api,
            workers,
            database,
            placed: AtomicUsize::new(0),
        })
    }

    /// Places orders; their ids.
    pub async fn place(&self, count: usize) -> Vec<String> {
        let mut client = self.api.client();
        let mut ids = vec![];
        for _ in 0..count {
            let line = json!({"sku": "MUG-1", "quantity": 1, "unitPrice": "9.90"});
            let order = json!({"currency": "EUR", "lines": [line]});
            let key = format!("order-{}", self.placed.fetch_add(1, Ordering::Relaxed));
            let headers = [("idempotency-key", key.as_str())];
            let sent = client.send(
                Method::POST,
                "/v1/orders",
                &headers,
                order.to_string().into(),
            );
            let answer = sent.await.expect("an answer");
            assert_eq!(answer.status, 201, "{}", answer.text());
            let order: Value = answer.json();
            ids.push(order["id"].as_str().expect("an id").to_owned());
        }
        ids
    }

    /// Waits until each of these orders is delivered.
    pub async fn delivered(&self, orders: &[String]) {
        for id in orders {
            let path = format!("/v1/orders/{id}");
            let delivered = async || {
                let answer = self.api.client().get(&path).await.expect("an answer");
                let order: Value = answer.json();
                order["status"] == "delivered"
            };
            until(&format!("{id} to be delivered"), delivered).await;
        }
    }

    /// A worker's figure for a consumer; 0 where it has none yet.
    pub async fn figure(&self, worker: usize, name: &str, consumer: &str) -> f64 {
        let answer = self.workers[worker].client().get("/metrics").await;
        let text = answer.expect("an answer").text();
        let series = format!("{name}{{consumer=\"{consumer}\"}} ");
        let mut values = text.lines().filter_map(|line| line.strip_prefix(&series));
        values
            .next()
            .map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a worker has so many parts of a consumer.
    pub async fn holds(&self, worker: usize, consumer: &str, parts: f64) {
        let what = format!("worker {worker} to have {parts} parts of {consumer}");
        until(&what, async || {
            self.figure(worker, "waybill_consumer_parts", consumer)
                .await
                == parts
        })
        .await;
    }

    /// Waits until a worker has taken over so many leases of a consumer since it started.
    pub async fn took_over(&self, worker: usize, consumer: &str, leases: f64) {
        let what = format!("worker {worker} to have taken over {leases} leases of {consumer}");
        until(&what, async || {
            let name = "waybill_lease_takeovers_total";
            self.figure(worker, name, consumer).await >= leases
        })
        .await;
    }

    /// Waits until both workers have half of everything.
    pub async fn shared_out_evenly(&self) {
        for consumer in EVERY_CONSUMER {
            for worker in 0..self.workers.len() {
                self.holds(worker, consumer, PARTS / 2.0).await;
            }
        }
    }

    pub async fn kill(&self, mut process: Waybill) {
        process.kill().await.expect("it ran");
    }

    /// Recomputes every invariant from the tables, and requires that there was no deadlock.
    pub async fn adds_up(&self) {
        let report = self.api.verify().await.expect("it can be verified");
        assert!(report.ok, "{:?}", report.findings);
        assert_eq!(self.database.deadlocks(), Vec::<String>::new());
    }
}

async fn until(what: &str, reached: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !reached().await {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(POLL).await;
    }
}

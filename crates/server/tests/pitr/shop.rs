//! A server that archives, and a Waybill on it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use waybill_testkit::postgres::{Archive, Postgres};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::unavailable::or_skip;

/// Not there at first: the demo makes it.
pub const DATABASE: &str = "waybill";
/// Far longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A server and what is kept of it.
pub struct Kept {
    pub server: Postgres,
    pub archive: Archive,
}

impl Kept {
    /// With a Waybill on it; `None` where there is no PostgreSQL.
    pub async fn open() -> Option<(Self, Shop)> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/postgres-backup");
        let archive = or_skip(Archive::with(&script))?;
        let server = or_skip(Postgres::start(archive.options()))?;
        let shop = Shop::on(&server).await;
        Some((Self { server, archive }, shop))
    }

    pub fn prune(&self, keep: usize) {
        let (bases, log) = (self.archive.bases(), self.archive.log());
        let (bases, log) = (bases.to_str().expect("text"), log.to_str().expect("text"));
        let keep = keep.to_string();
        let arguments = ["prune", "--bases", bases, "--archive", log, "--keep", &keep];
        self.archive.run(&arguments).expect("it prunes");
    }

    pub fn bases(&self) -> Vec<PathBuf> {
        let entries = self.archive.bases().read_dir().expect("it is there");
        entries.map(|e| e.expect("readable").path()).collect()
    }
}

pub struct Shop {
    pub app: Waybill,
}

impl Shop {
    pub async fn on(server: &Postgres) -> Self {
        let start = Start::demo(env!("CARGO_BIN_EXE_waybill"))
            .delivering_within_ms("200-400")
            .env("DATABASE_URL", server.url(DATABASE));
        let app = start.ready().await.expect("it starts");
        Self { app }
    }

    pub async fn stop(&mut self) {
        assert!(self.app.stop().await.expect("it stops").success());
    }

    /// Places orders; their ids.
    pub async fn place(&mut self, key: &str, count: usize) -> Vec<String> {
        let line = json!({"sku": "MUG-1", "quantity": 1, "unitPrice": "9.90"});
        let order = json!({"currency": "EUR", "lines": [line]});
        let mut ids = vec![];
        for n in 0..count {
            let answer = self.app.place(&format!("{key}-{n}"), &order).await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status, 201, "{}", answer.text());
            let order: Value = answer.json();
            ids.push(order["id"].as_str().expect("an id").to_owned());
        }
        ids
    }

    /// `None` for an order that there is not.
    pub async fn status_of(&self, order: &str) -> Option<String> {
        let path = format!("/v1/orders/{order}");
        let answer = self.app.client().get(&path).await.expect("an answer");
        if answer.status == 404 {
            return None;
        }
        let order: Value = answer.json();
        Some(order["status"].as_str().expect("a status").to_owned())
    }

    /// Waits until each of these is delivered.
    pub async fn delivered(&self, orders: &[String]) {
        let begun = Instant::now();
        for order in orders {
            loop {
                let status = self.status_of(order).await.expect("it is there");
                if status == "delivered" {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "{order} is still {status}");
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// The cursor at the end of the feed.
    pub async fn end_of_feed(&self) -> String {
        let mut after = String::new();
        loop {
            let path = format!("/v1/events?limit=100{after}");
            let page = self.app.client().get(&path).await.expect("an answer");
            assert_eq!(page.status, 200, "{}", page.text());
            let page: Value = page.json();
            let next = page["next"].as_str().expect("a cursor").to_owned();
            if page["items"].as_array().expect("items").is_empty() {
                return next;
            }
            after = format!("&after={next}");
        }
    }

    /// Runs `waybill migrate` with this flag: whether it succeeded, what it printed, what it said about errors.
    pub async fn migrate(&self, flag: &str) -> (bool, Value, String) {
        let mut command = self.app.command("migrate");
        let output = command.args([flag, "--json"]).output().await;
        let output = output.expect("it runs");
        let printed = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), printed, told)
    }

    /// Every invariant, recomputed from the tables.
    pub async fn adds_up(&self) {
        let report = self.app.verify().await.expect("it can be verified");
        assert!(report.ok, "{:?}", report.findings);
    }
}

//! The relay on a real embedded store, with a publisher that records what it is given and refuses what a test says.

mod alerts;
mod backlog;
mod parked;
mod pausing;
mod publishing;
mod replaying;
mod restart;
mod shared_log;
mod start;
mod wire;

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;
use waybill_broker::publisher::Publisher;
use waybill_domain::event::LoggedEvent;
use waybill_store::Parked;
use waybill_testkit::token;

use self::wire::Wire;
use super::settings::CONSUMER;
use crate::app::{App, BUILD};
use crate::backend;
use crate::brokers::Outside;
use crate::clock::{Clock, SystemClock};
use crate::config::{Settings, Sources};
use crate::random::Entropy;
use crate::roles;
use crate::roles::tasks::RoleTasks;

/// One process on a data folder.
struct Shop {
    app: Arc<App>,
    router: axum::Router,
    roles: RoleTasks,
}

/// A folder for data that ends with the test.
fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Makes a store that no process has open write its log with an event a row, which can be changed with SQL.
fn write_plain_log(folder: &TempDir) {
    let database = rusqlite::Connection::open(folder.path().join("data/waybill.db"));
    let plain = "UPDATE meta SET value = 'plain' WHERE key = 'log_form'";
    let changed = database.expect("the file is there").execute(plain, []);
    assert_eq!(changed.expect("written"), 1);
}

impl Shop {
    /// A process with these roles and settings that publishes to `wire`.
    async fn open(folder: &Path, roles: &str, wire: &Arc<Wire>, set: &[(&str, &str)]) -> Self {
        Self::open_with(folder, roles, wire.clone(), set).await
    }

    async fn open_with(
        folder: &Path,
        roles: &str,
        publisher: Arc<dyn Publisher>,
        set: &[(&str, &str)],
    ) -> Self {
        let data = folder.join("data");
        let mut sources = Sources::default()
            .with_roles(roles::settings())
            .flag("--profile", "profile", "demo")
            .flag("--roles", "roles", roles)
            .flag("--data", "store.data", data.to_string_lossy())
            .flag("--set", "retry.base_delay_ms", "1ms")
            .flag("--set", "retry.max_delay_ms", "2ms")
            .flag("--set", "relay.max_delay_ms", "100ms")
            .flag("--set", "consumers.poll_interval_ms", "20ms");
        for (key, value) in set {
            sources = sources.flag("--set", *key, *value);
        }
        let settings = Settings::load(&sources).expect("valid");
        let entropy = Arc::new(Entropy::from_os().expect("randomness"));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        if settings.database_url().is_some() {
            let migrated = backend::migrate(&settings, &clock, &entropy).await;
            migrated.expect("a schema");
        }
        let outside = Outside::published_by(publisher);
        let app = App::start(settings, BUILD, clock, entropy, Some(outside)).await;
        let app = app.expect("a store");
        Self {
            router: app.router(),
            roles: app.start_roles(),
            app,
        }
    }

    async fn close(self) {
        self.roles.stop().await;
        self.app.store.close().await;
    }

    /// A request of an admin that must succeed.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let key = self.app.entropy.uuid_v7(0).to_string();
        let (status, answer) = self.send(method, path, body, &key).await;
        assert!((200..300).contains(&status), "{status} {answer}");
        answer
    }

    /// A request of an admin with an idempotency key, and the status of its answer.
    async fn send(&self, method: Method, path: &str, body: &Value, key: &str) -> (u16, Value) {
        let token = token::sign(
            &json!({"alg": "HS256", "typ": "JWT"}),
            &json!({"clientId": "tester", "scope": "admin"}),
            token::DEMO_SECRET.as_bytes(),
        );
        let body = match body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key)
            .body(body)
            .expect("valid");
        let answer = self.router.clone().oneshot(request).await;
        let answer = answer.expect("infallible");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("whole");
        let body = body.to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// How far the relay is.
    async fn relay(&self) -> Value {
        self.ask(Method::GET, "/v1/relay", &Value::Null).await
    }

    /// Stock for many orders.
    async fn stock(&self) {
        let count = json!({"onHand": 1_000, "reason": "count"});
        self.ask(Method::PUT, "/v1/stock/a", &count).await;
    }

    /// An order that is confirmed at once: two events. Returns its id.
    async fn order(&self) -> String {
        let order =
            json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1, "unitPrice": "1.00"}]});
        let order = self.ask(Method::POST, "/v1/orders", &order).await;
        assert_eq!(order["status"], "confirmed");
        order["id"].as_str().expect("an id").to_owned()
    }

    /// One event more of an order.
    async fn hold(&self, order: &str) {
        let path = format!("/v1/orders/{order}/holds");
        let hold = json!({"reason": "manual"});
        self.ask(Method::POST, &path, &hold).await;
    }

    /// The whole log, partition by partition.
    async fn log(&self) -> Vec<LoggedEvent> {
        let mut log = vec![];
        for partition in 0..self.app.store.identity().partitions {
            let read = self.app.store.read_all(partition, 0, 1_000).await;
            log.extend(read.expect("the log is read"));
        }
        log
    }

    /// Where the store has the relay's cursor.
    async fn cursor(&self) -> i64 {
        let stats = self.app.store.stats().await.expect("read");
        let mut cursors = stats.cursors.iter();
        let found = cursors.find(|(consumer, _, _)| consumer == CONSUMER);
        found.map_or(0, |(_, _, position)| *position)
    }

    /// The first parked event of each key.
    async fn parked(&self) -> Vec<Parked> {
        let tenant = waybill_domain::text::Tenant::default();
        let page = self.app.store.list_parked(&tenant, None, 100).await;
        page.expect("read").items
    }

    /// Waits until no event is parked: it leaves the queue after the broker has confirmed it.
    async fn settles(&self) {
        eventually(async || self.parked().await.is_empty()).await;
    }

    /// Asks for a redrive or a discard of the first parked event.
    async fn flag(&self, action: &str) {
        let page = self
            .ask(Method::GET, "/v1/dead-letters", &Value::Null)
            .await;
        let id = page["items"][0]["id"].as_str().expect("a dead letter");
        let path = format!("/v1/dead-letters/{id}/{action}");
        self.ask(Method::POST, &path, &Value::Null).await;
    }
}

/// Waits until a look at the store finds what is wanted.
async fn eventually(mut wanted: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !wanted().await {
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(wire::HANGS, looks).await;
    found.expect("the store comes to what is wanted");
}

fn positions(log: &[LoggedEvent]) -> Vec<i64> {
    log.iter().map(|event| event.position).collect()
}

/// The positions of one order's events.
fn positions_of(log: &[LoggedEvent], order: &str) -> Vec<i64> {
    let of_it = log
        .iter()
        .filter(|logged| logged.event.key().to_string() == order);
    of_it.map(|logged| logged.position).collect()
}

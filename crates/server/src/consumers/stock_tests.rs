//! Events without an order, of stock rows, at a consumer: parked by their row, retried, redriven and discarded, and in
//! order per row. No consumer of this build takes them, so a role is added that does.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;
use waybill_domain::change::OrderEffect;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::parked::ParkedState;
use waybill_domain::text::Tenant;
use waybill_store::{Flag, Known, Parked};

use super::consuming::Consuming;
use super::handler::{EventOutcome, Handler};
use crate::app::{App, BUILD, Build};
use crate::clock::{Clock, SystemClock};
use crate::config::{Settings, Sources};
use crate::random::Entropy;
use crate::roles::definition::{Consumer, Registry, RoleDefinition, Share, no_routes};
use crate::roles::tasks::RoleTasks;
use crate::roles::{api, delivery};
use waybill_testkit::token;

/// What the consumer took: the row of each event, and its `seq`.
static TAKEN: LazyLock<watch::Sender<Vec<(OrderId, i64)>>> = LazyLock::new(watch::Sender::default);

/// The row whose events cannot be applied.
static REFUSED: Mutex<Option<OrderId>> = Mutex::new(None);

static COUNTING_STOCK: RoleDefinition = RoleDefinition {
    name: "counting-stock",
    summary: "takes the events of stock rows",
    requires: None,
    optional: false,
    section: None,
    consumers: &[Consumer {
        name: "counting-stock",
        share: Share::Partitions,
    }],
    routes: no_routes,
    prepare: |_| {
        Box::new(|resources, tasks| {
            let store = resources.store.clone();
            tasks.keep(Consuming::new(
                &resources.consumers,
                CountingStock,
                store,
                10,
            ));
        })
    },
};

const ROLES: Registry = &[&api::ROLE, &delivery::ROLE, &COUNTING_STOCK];

struct CountingStock;

impl Handler for CountingStock {
    type Effect = OrderEffect;

    fn consumer(&self) -> &'static str {
        "counting-stock"
    }

    fn kinds(&self) -> &'static [EventKind] {
        &[EventKind::StockAdjusted]
    }

    fn needs(&self, _events: &[LoggedEvent]) -> Vec<OrderId> {
        vec![]
    }

    fn partition(&self, _order: OrderId, _known: &Known<OrderEffect>) -> Option<u16> {
        None
    }

    fn decide(
        &self,
        events: &[&LoggedEvent],
        _known: &Known<OrderEffect>,
    ) -> Vec<EventOutcome<OrderEffect>> {
        let decide = |logged: &&LoggedEvent| {
            let row = OrderId(logged.event.key());
            if *REFUSED.lock() == Some(row) {
                return EventOutcome::Failed("no shelf".into());
            }
            TAKEN.send_modify(|taken| taken.push((row, logged.event.seq)));
            EventOutcome::Nothing
        };
        events.iter().map(decide).collect()
    }
}

struct Process {
    app: Arc<App>,
    roles: RoleTasks,
}

impl Process {
    async fn open(folder: &Path) -> Self {
        let roles = ROLES.iter().map(|role| role.settings()).collect();
        let data = folder.join("data");
        let sources = Sources::default()
            .with_roles(roles)
            .flag("--profile", "profile", "demo")
            .flag("--roles", "roles", "api,counting-stock")
            .flag("--data", "store.data", data.to_string_lossy())
            .flag("--set", "retry.base_delay_ms", "1ms")
            .flag("--set", "retry.max_delay_ms", "2ms");
        let settings = Settings::load(&sources).expect("valid");
        let entropy = Arc::new(Entropy::from_os().expect("randomness"));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let build = Build {
            roles: ROLES,
            ..BUILD
        };
        let app = App::start(settings, build, clock, entropy, None).await;
        let app = app.expect("a store");
        Self {
            roles: app.start_roles(),
            app,
        }
    }

    async fn close(self) {
        self.roles.stop().await;
        self.app.store.close().await;
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        use http_body_util::BodyExt;
        use tower::ServiceExt;
        let token = token::sign(
            &json!({"alg": "HS256", "typ": "JWT"}),
            &json!({"clientId": "tester", "scope": "admin"}),
            token::DEMO_SECRET.as_bytes(),
        );
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {token}"))
            .body(axum::body::Body::from(body))
            .expect("valid");
        let answer = self.app.router().oneshot(request).await;
        let answer = answer.expect("infallible");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("whole");
        let body = body.to_bytes();
        assert!(status.is_success(), "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Counts a sku: an event of its row.
    async fn count(&self, sku: &str, on_hand: i64) {
        let count = json!({"onHand": on_hand, "reason": "count"});
        self.ask("PUT", &format!("/v1/stock/{sku}"), &count).await;
    }

    async fn parked(&self) -> Vec<Parked> {
        let page = self
            .app
            .store
            .list_parked(&Tenant::default(), None, 10)
            .await;
        page.expect("read").items
    }

    /// The only dead letter, once it is one.
    async fn dead(&self) -> Parked {
        hangs(async {
            loop {
                let parked = self.parked().await;
                if let [one] = &parked[..]
                    && one.state == ParkedState::Dead
                {
                    return one.clone();
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    async fn flag(&self, parked: &Parked, state: ParkedState) {
        let flag = Flag {
            consumer: parked.consumer.clone(),
            order: parked.key,
            row: waybill_store::FlaggedRow::Parked(parked.position),
            state,
            claim: None,
        };
        let store = &self.app.store;
        let flagged = store.flag_parked(&Tenant::default(), flag).await;
        assert!(flagged.expect("written"), "it is there");
    }
}

async fn hangs<T>(what: impl Future<Output = T>) -> T {
    let found = tokio::time::timeout(Duration::from_secs(30), what).await;
    found.expect("it comes to that")
}

/// Waits until so many events were taken, and returns which.
async fn taken(count: usize) -> Vec<(OrderId, i64)> {
    let mut taken = TAKEN.subscribe();
    let all = hangs(taken.wait_for(|taken| taken.len() >= count)).await;
    all.expect("the sender is static").clone()
}

#[tokio::test]
async fn a_stock_event_is_parked_by_its_row_retried_and_discarded_though_it_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = Process::open(folder.path()).await;
    process.count("a", 1).await;
    let a = taken(1).await[0].0;
    *REFUSED.lock() = Some(a);
    process.count("a", 2).await;
    process.count("a", 3).await;
    process.count("b", 1).await;
    let b = taken(2).await[1].0;
    let dead = process.dead().await;
    assert_eq!(
        (dead.key, dead.attempts),
        (a, 6),
        "retried, each retry counted"
    );
    *REFUSED.lock() = None;
    process.count("a", 4).await;
    process.flag(&dead, ParkedState::Redrive).await;
    let all = taken(5).await;
    assert_eq!(all, [(a, 1), (b, 1), (a, 2), (a, 3), (a, 4)]);
    hangs(async {
        while !process.parked().await.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;

    *REFUSED.lock() = Some(b);
    process.count("b", 2).await;
    process.count("b", 3).await;
    let dead = process.dead().await;
    process.close().await;
    let database = rusqlite::Connection::open(folder.path().join("data/waybill.db"));
    let damage = "UPDATE parked SET envelope = 'torn' WHERE position = ?1";
    let damaged = database.expect("the file").execute(damage, [dead.position]);
    assert_eq!(damaged.expect("written"), 1);
    *REFUSED.lock() = None;
    let process = Process::open(folder.path()).await;
    process.count("a", 5).await;
    assert_eq!(taken(6).await[5], (a, 5), "others go on");
    let page = process.ask("GET", "/v1/dead-letters", &Value::Null).await;
    let letter = &page["items"][0];
    let shown = ["eventType", "orderId", "event", "error", "damage"].map(|name| &letter[name]);
    let (none, error) = (&Value::Null, json!("no shelf"));
    let why = json!("it is not JSON (at byte 2)");
    assert_eq!(shown, [none, none, none, &error, &why]);
    process.flag(&dead, ParkedState::Redrive).await;
    let dead = process.dead().await;
    let error = dead.error.as_deref().unwrap_or_default();
    assert!(error.contains("cannot be read"), "{error}");
    process.flag(&dead, ParkedState::Discard).await;
    assert_eq!(taken(7).await[6], (b, 3), "what came after goes on");
    process.close().await;
}

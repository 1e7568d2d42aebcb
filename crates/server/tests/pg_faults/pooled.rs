//! A pooler gives one session of the database to one client after another, and what one of them has set on it stays
//! for the next. An order is acknowledged as the server is configured all the same.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use waybill_testkit::http::Client;
use waybill_testkit::pgbouncer::{PgBouncer, PoolOptions};
use waybill_testkit::postgres::{Database, Postgres, ServerOptions};
use waybill_testkit::server::{Start, Waybill};
use waybill_testkit::unavailable::or_skip;

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");
const WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// What uses the one session of the pool before the order does.
#[derive(Debug, Clone, Copy)]
enum Beside {
    Worker,
    Doctor,
    /// A client of another program.
    Stranger,
}

/// A server whose standby never comes, and a pooler with one session in front of it.
struct OneSession {
    server: Postgres,
    database: Database,
    bouncer: PgBouncer,
}

impl OneSession {
    async fn new() -> Option<Self> {
        let options = ServerOptions::default()
            .set("synchronous_standby_names", "nobody")
            .set("synchronous_commit", "local");
        let server = or_skip(Postgres::start(options))?;
        let one = PoolOptions {
            pool_size: 1,
            // What was set on the session is there for as long as the test.
            settings: vec![("server_idle_timeout".into(), "600".into())],
        };
        let bouncer = or_skip(PgBouncer::in_front_of(&server, &one))?;
        let database = server.database(None).expect("a database");
        let migrated = Start::demo(WAYBILL).on(&database.url()).prepared();
        let migrated = migrated.expect("a folder").migrate().await;
        migrated.expect("it migrates past the pooler");
        Some(Self {
            server,
            database,
            bouncer,
        })
    }

    fn url(&self) -> String {
        self.bouncer.url(self.database.name())
    }

    fn start(&self, roles: &str) -> Start {
        Start::serve(WAYBILL, roles)
            .on(&self.url())
            .env("WAYBILL_STORE__UNNAMED_STATEMENTS", "true")
    }

    /// From now on the server's commits wait for its standby. When a new session has the setting, every older one was
    /// signalled before and reads it before its next statement. (The pool's session may be busy with a waiting commit.)
    async fn waits(&self) {
        self.set("synchronous_commit", "on");
        let shown = || self.is("SHOW synchronous_commit", "on");
        self.until("the setting is in force", shown).await;
    }

    /// Nothing waits for a standby any more.
    fn releases(&self) {
        self.set("synchronous_standby_names", "");
    }

    fn set(&self, name: &str, value: &str) {
        // Writes a file and no transaction, so it waits for no standby itself.
        let alter = format!("ALTER SYSTEM SET {name} = '{value}'");
        self.server.sql("postgres", &alter).expect("it is ours");
        let reload = "SELECT pg_reload_conf()";
        self.server.sql("postgres", reload).expect("it answers");
    }

    fn is(&self, question: &str, answer: &str) -> bool {
        let told = self.server.sql("postgres", question).expect("it answers");
        told.trim() == answer
    }

    async fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let began = Instant::now();
        while !reached() {
            assert!(began.elapsed() < WITHIN, "{what}: not within {WITHIN:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// A commit of the pool's session waits for the standby.
    fn a_commit_waits(&self) -> bool {
        let sql = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep' \
                   AND application_name LIKE 'waybill%'";
        self.is(sql, "t")
    }

    async fn doctor(&self, app: &Waybill) -> Value {
        let mut command = app.command("doctor");
        let listen = app.address().to_string();
        command.args(["--profile", "demo", "--listen", &listen, "--json"]);
        let output = tokio::time::timeout(WITHIN, command.output()).await;
        let output = output.expect("it does not hang").expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&told).unwrap_or_else(|e| panic!("{e}: {told}"))
    }
}

async fn orders(app: &Waybill) -> tokio::task::JoinHandle<u16> {
    let mut client: Client = app.client().with_patience(WITHIN);
    tokio::spawn(async move {
        let order = json!({"currency": "EUR", "lines": [{"sku": "SHELF", "quantity": 1, "unitPrice": "1.00"}]});
        let headers = [("idempotency-key", "one")];
        let body = order.to_string().into();
        let sent = client.send(Method::POST, "/v1/orders", &headers, body);
        sent.await.expect("it answers").status.as_u16()
    })
}

async fn acknowledges_nothing(beside: Beside) {
    let Some(one) = OneSession::new().await else {
        return;
    };
    let app = one.start("api").ready().await.expect("it starts");
    let stock = json!({"onHand": 10, "reason": "seed"}).to_string();
    let mut client = app.client();
    let put = client.send(Method::PUT, "/v1/stock/SHELF", &[], stock.into());
    assert!(put.await.expect("it answers").status.is_success());
    let mut worker = one.start("delivery,status").prepared().expect("a folder");
    match beside {
        Beside::Worker => {
            worker.start().await.expect("it starts");
        }
        Beside::Doctor => {
            one.doctor(&app).await;
        }
        Beside::Stranger => {
            let set = "SET synchronous_commit = off";
            let told = one.bouncer.sql(one.database.name(), set);
            told.expect("it is run");
        }
    }
    one.waits().await;
    let answered = orders(&app).await;
    let waits_or_answered = || one.a_commit_waits() || answered.is_finished();
    one.until("a commit that waits for the standby", waits_or_answered)
        .await;
    if answered.is_finished() {
        let status = answered.await.expect("it was sent");
        assert!(
            status >= 400,
            "{beside:?}: {status}, and the standby has nothing"
        );
    } else {
        one.releases();
        let status = answered.await.expect("it was sent");
        assert!(status == 201 || status >= 400, "{beside:?}: {status}");
    }
    one.releases();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pool_of_one_no_order_is_acknowledged_before_its_standby_has_it() {
    for beside in [Beside::Doctor, Beside::Stranger, Beside::Worker] {
        acknowledges_nothing(beside).await;
    }
}

#[tokio::test]
async fn behind_a_pooler_without_an_address_past_it_notifications_are_left_to_polling_and_that_is_said()
 {
    let Some(one) = OneSession::new().await else {
        return;
    };
    let app = one.start("all").ready().await.expect("it starts");
    let said = app.output();
    assert!(said.contains("store.listen_url is not set"), "{said}");
    let report = one.doctor(&app).await;
    let checks = report["checks"].as_array().expect("a list");
    let of = |name: &str| checks.iter().find(|check| check["name"] == name);
    assert_eq!(of("pooler").expect("said")["verdict"], "ok", "{report}");
    let notify = of("notify").expect("said");
    assert_eq!(notify["verdict"], "warn", "{report}");
    assert!(notify["advice"].to_string().contains("store.listen_url"));
    // Neither has left anything behind for the next client.
    let listening = one
        .bouncer
        .sql(one.database.name(), "SELECT * FROM pg_listening_channels()");
    assert_eq!(listening.expect("it answers").trim(), "");
    let changed = "SELECT name FROM pg_settings WHERE setting IS DISTINCT FROM reset_val AND name <> 'application_name' \
                   AND context <> 'internal' AND source = 'session'";
    let changed = one.bouncer.sql(one.database.name(), changed);
    // PgBouncer itself sets these for each client.
    let own = ["client_encoding", "DateStyle", "TimeZone"];
    let changed = changed.expect("it answers");
    let changed: Vec<&str> = changed.lines().filter(|name| !own.contains(name)).collect();
    assert_eq!(changed, Vec::<&str>::new());
}

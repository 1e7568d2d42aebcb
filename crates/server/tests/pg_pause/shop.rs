//! One process that takes orders, one worker that stays awake, and one whose wire and whose process can be frozen.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::{sleep, timeout};
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::proxy::{Cut, Proxy};
use waybill_testkit::server::{Fleet, Start, Waybill};

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");
const WITHIN: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);
/// Of the members of a fleet of one and two.
const SLEEPER: usize = 2;

const WATCH_CURSORS: &str = "\
    CREATE TABLE went_back (consumer text, part int, before bigint, after bigint); \
    CREATE FUNCTION note_step_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
    INSERT INTO went_back VALUES (old.consumer, old.part, old.position, new.position); RETURN NULL; END $$; \
    CREATE TRIGGER step_back AFTER UPDATE ON cursors FOR EACH ROW \
    WHEN (new.position < old.position) EXECUTE FUNCTION note_step_back()";

pub struct Shop {
    pub fleet: Fleet,
    pub database: Database,
    wire: Proxy,
    placed: usize,
}

impl Shop {
    /// `defect` is planted in the one that sleeps.
    pub async fn open(server: &Postgres, defect: &str) -> Self {
        let database = server.database(None).expect("a database");
        let wire = Proxy::to(server.socket().expect("an address")).expect("a proxy");
        let through = server.url_via(wire.address(), database.name());
        let (direct, through) = (database.url(), through.expect("an address"));
        let fleet = Fleet::ready(1, 2, |name, roles| {
            if name == "worker-2" {
                start(&through, roles).env("WAYBILL_TEST_DEFECT", defect)
            } else {
                start(&direct, roles)
            }
        });
        let shop = Self {
            fleet: fleet.await.expect("every process starts"),
            database,
            wire,
            placed: 0,
        };
        shop.sql(WATCH_CURSORS);
        shop.both_work().await;
        shop
    }

    fn sleeper(&self) -> &Waybill {
        &self.fleet.members[SLEEPER].app
    }

    /// Places an order that must be taken.
    pub async fn place(&mut self) {
        self.placed += 1;
        let order =
            json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1, "unitPrice": "1.00"}]});
        let key = format!("k{}", self.placed);
        let answer = self.fleet.api().place(&key, &order).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    /// Orders come until the sleeper's wire has these words on it; then both wire and process stand still.
    pub async fn falls_asleep_at(&mut self, said: &str) {
        let hits = self.wire.hits();
        let said = said.as_bytes().to_vec();
        self.wire.arm(Cut::Hold { said }, 1).expect("a pattern");
        let began = Instant::now();
        while self.wire.hits() == hits {
            assert!(began.elapsed() < WITHIN, "it never came there");
            self.place().await;
        }
        self.sleeper().pause().expect("it runs");
    }

    /// Waits until every order was delivered.
    pub async fn all_is_delivered(&self) {
        let wanted = self.placed.to_string();
        self.until("all orders to be delivered", || {
            self.sql("SELECT count(*) FROM orders WHERE status = 'delivered'") == wanted
        })
        .await;
    }

    /// The sleeper goes on where it stood.
    pub fn wakes(&self) {
        self.wire.disarm();
        self.sleeper().resume().expect("it is there");
        self.wire.thaw();
    }

    /// Waits until both workers have parts of every consumer and no part is without an owner.
    pub async fn both_work(&self) {
        let shared = "SELECT count(*) FROM (SELECT consumer FROM leases, \
                      (SELECT (extract(epoch FROM now()) * 1e6)::bigint AS now) AS clock WHERE until > now \
                      GROUP BY consumer HAVING count(*) = 16 AND count(DISTINCT owner) = 2) AS shared";
        let consumers =
            "SELECT count(DISTINCT consumer) FROM leases WHERE consumer <> 'housekeeping'";
        self.until("both workers to have their share", || {
            let shared: usize = self.sql(shared).parse().expect("a number");
            shared >= 3
                && self
                    .sql(consumers)
                    .parse()
                    .is_ok_and(|n: usize| shared >= n)
        })
        .await;
    }

    /// Cursors that were ever moved back: by whoever acts on a part that is another's by now.
    pub fn went_back(&self) -> String {
        self.sql("SELECT * FROM went_back")
    }

    /// All that consumers write but their cursors, which may move on as parts are handed over: for each kind how many there are, and a digest.
    pub fn state(&self) -> Vec<String> {
        let tables = [
            ("events", "part, position, event_id, type, seq"),
            ("orders", "id, version, status"),
            ("shipments", "id, version, status"),
            ("deliveries", "order_id, revision"),
            ("reservations", "order_id, line, consumed, released"),
            ("parked", "consumer, order_id, position"),
        ];
        let line = |(table, columns): (&str, &str)| {
            let rows = format!(
                "SELECT count(*), md5(string_agg(r::text, '' ORDER BY r::text)) FROM (SELECT {columns} FROM {table}) AS r"
            );
            format!("{table} {}", self.sql(&rows))
        };
        tables.map(line).into()
    }

    /// How often a part of somebody who was not heard of has been taken over by the one that is awake.
    pub async fn takeovers(&self) -> i64 {
        let awake = &self.fleet.members[1].app;
        let taken = awake.metric("waybill_lease_takeovers_total").await;
        taken.expect("metrics")
    }

    fn sql(&self, statement: &str) -> String {
        tokio::task::block_in_place(|| self.database.sql(statement).expect("it answers"))
    }

    pub async fn until(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let waited = async {
            while !reached() {
                sleep(POLL).await;
            }
        };
        if timeout(WITHIN, waited).await.is_err() {
            panic!(
                "waited for {what}:\n{}\n{}",
                self.fleet.output(),
                self.sql("SELECT * FROM leases ORDER BY 1, 2")
            );
        }
    }
}

fn start(url: &str, roles: &str) -> Start {
    Start::serve(WAYBILL, roles)
        .on(url)
        .delivering_within_ms("0-200")
        // Every statement carries its text, and with it its name.
        .env("WAYBILL_STORE__UNNAMED_STATEMENTS", "true")
        .env("WAYBILL_CONSUMERS__LEASE_MS", "2s")
        .env("WAYBILL_STORE__STATEMENT_TIMEOUT_MS", "1500ms")
        .env("WAYBILL_STORE__LOCK_TIMEOUT_MS", "1s")
        .env("WAYBILL_STORE__IDLE_IN_TRANSACTION_TIMEOUT_MS", "1s")
        .env("WAYBILL_STORE__TCP_TIMEOUT_MS", "1s")
        .env("WAYBILL_STORE__CONNECT_TIMEOUT_MS", "10s")
        .env("WAYBILL_LOG__LEVEL", "warn")
}

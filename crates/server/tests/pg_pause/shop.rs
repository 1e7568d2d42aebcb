//! Processes that stay awake, one that takes orders and one worker, and another of either kind whose wire and whose
//! process can be frozen.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use waybill_testkit::http::Answer;
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::proxy::{Cut, Proxy};
use waybill_testkit::seed;
use waybill_testkit::server::{Fleet, Start, Waybill};

const WAYBILL: &str = env!("CARGO_BIN_EXE_waybill");
pub const WITHIN: Duration = Duration::from_secs(40);
pub const POLL: Duration = Duration::from_millis(50);

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
    /// Its place in the fleet.
    sleeper: usize,
    awake: usize,
    placed: usize,
}

impl Shop {
    /// The sleeper is a worker, with this defect.
    pub async fn open(server: &Postgres, defect: &str) -> Self {
        let shop = Self::with(server, (1, 2), "worker-2", defect).await;
        shop.both_work().await;
        shop
    }

    /// The sleeper takes orders.
    pub async fn with_two_doors(server: &Postgres) -> Self {
        Self::with(server, (2, 1), "api-2", "").await
    }

    async fn with(
        server: &Postgres,
        (apis, workers): (usize, usize),
        sleeper: &str,
        defect: &str,
    ) -> Self {
        let database = server.database(None).expect("a database");
        let wire = Proxy::to(server.socket().expect("an address")).expect("a proxy");
        let through = server.url_via(wire.address(), database.name());
        let (direct, through) = (database.url(), through.expect("an address"));
        let fleet = Fleet::ready(apis, workers, |name, roles| {
            if name == sleeper {
                start(&through, roles).env("WAYBILL_TEST_DEFECT", defect)
            } else {
                start(&direct, roles)
            }
        });
        let fleet = fleet.await.expect("every process starts");
        let place = |name: &str| fleet.members.iter().position(|m| m.name == name);
        let shop = Self {
            sleeper: place(sleeper).expect("it is one of them"),
            awake: place("worker-1").expect("there is one"),
            fleet,
            database,
            wire,
            placed: 0,
        };
        shop.sql(WATCH_CURSORS);
        shop
    }

    pub fn sleeper(&self) -> &Waybill {
        &self.fleet.members[self.sleeper].app
    }

    /// The worker that does not sleep.
    pub fn awake(&self) -> &Waybill {
        &self.fleet.members[self.awake].app
    }

    /// Places an order, which must be taken, with the one that is awake.
    pub async fn place(&mut self) {
        self.place_as(&format!("k{}", self.placed)).await;
    }

    /// The same with this key; the order's id.
    pub async fn place_as(&mut self, key: &str) -> String {
        let answer = self.fleet.api().place(key, &order()).await;
        let answer = answer.expect("an answer");
        assert!(answer.status.is_success(), "{}", answer.text());
        self.is_placed();
        id(&answer)
    }

    /// One more is to be delivered.
    pub fn is_placed(&mut self) {
        self.placed += 1;
    }

    /// Orders come until the sleeper's wire has these words on it; then both wire and process stand still.
    pub async fn falls_asleep_at(&mut self, said: &str) {
        let hits = self.dozes_off_at(said);
        let began = Instant::now();
        while self.wire.hits() == hits {
            assert!(began.elapsed() < WITHIN, "it never came there");
            self.place().await;
        }
        self.sleeper().pause().expect("it runs");
    }

    /// It leaves, comes back when the other one has everything, and falls asleep with these words on its wire.
    pub async fn falls_asleep_joining_at(&mut self, said: &str) {
        let sleeper = self.sleeper;
        self.leaves_all_to(sleeper, self.awake).await;
        let hits = self.dozes_off_at(said);
        let app = &mut self.fleet.members[sleeper].app;
        app.begin().expect("it starts");
        self.is_asleep(hits).await;
    }

    /// The other one leaves and comes back; it falls asleep with these words on its wire as it makes room.
    pub async fn falls_asleep_making_room_at(&mut self, said: &str) {
        let awake = self.awake;
        self.leaves_all_to(awake, self.sleeper).await;
        let hits = self.dozes_off_at(said);
        let app = &mut self.fleet.members[awake].app;
        app.start().await.expect("it starts");
        self.is_asleep(hits).await;
    }

    async fn leaves_all_to(&mut self, one: usize, other: usize) {
        let app = &mut self.fleet.members[one].app;
        app.stop().await.expect("it ran");
        self.has_all(other).await;
    }

    /// The wire will freeze at these words; how often it did before.
    fn dozes_off_at(&self, said: &str) -> u64 {
        let said = said.as_bytes().to_vec();
        self.freezes_at(Cut::Hold { said })
    }

    /// The wire will freeze at this moment; how often it did before.
    pub fn freezes_at(&self, moment: Cut) -> u64 {
        self.wire.arm(moment, 1).expect("a pattern");
        self.wire.hits()
    }

    /// Waits until the wire is frozen once more, and freezes the process.
    pub async fn is_asleep(&self, hits: u64) {
        let came = timeout(WITHIN, self.wire.hit(hits + 1)).await;
        came.expect("it never came there");
        self.sleeper().pause().expect("it runs");
    }

    /// Waits until the worker that is awake acts on every part there is.
    pub async fn awake_has_all(&self) {
        self.has_all(self.awake).await;
    }

    async fn has_all(&self, worker: usize) {
        let app = &self.fleet.members[worker].app;
        let has_all = async {
            loop {
                let has = app.metric("waybill_consumer_parts").await.expect("metrics");
                if self.sql("SELECT count(*) FROM leases") == has.to_string() {
                    break;
                }
                sleep(POLL).await;
            }
        };
        let gone_on = timeout(WITHIN, has_all).await;
        gone_on.expect("one goes on where the other one slept or left");
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

    /// Cursors that were moved back, which a process without the lease would do.
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

    /// How many expired leases of other processes the awake worker has taken over.
    pub async fn takeovers(&self) -> i64 {
        let taken = self.awake().metric("waybill_lease_takeovers_total").await;
        taken.expect("metrics")
    }

    pub fn sql(&self, statement: &str) -> String {
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

/// All of them once, or oftener in the long form.
pub fn repeated<T>(points: &[T]) -> impl Iterator<Item = &T> {
    let times = if seed::long_form() { 8 } else { 1 };
    points.iter().cycle().take(points.len() * times)
}

pub fn order() -> Value {
    json!({"currency": "EUR", "lines": [{"sku": "a", "quantity": 1, "unitPrice": "1.00"}]})
}

/// Of the order in an answer.
pub fn id(answer: &Answer) -> String {
    let order: Value = answer.json();
    order["id"].as_str().expect("an order has an id").into()
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

//! A newer version has brought the schema up to date while this one goes on beside it: that is how one is replaced by
//! the other without a pause.

use std::time::Duration;

use waybill_testkit::checker::Enough;
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::siege::Siege;
use waybill_testkit::unavailable::or_skip;

use crate::bystander::both_are_served;
use crate::fleet::siege;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// What a step of the schema may add beside binaries that do not know it: to tables that every order goes through,
/// and one of its own.
const ADDED: [&str; 5] = [
    "ALTER TABLE orders ADD COLUMN of_the_newer_version text",
    "ALTER TABLE events ADD COLUMN of_the_newer_version text",
    "ALTER TABLE stock ADD COLUMN of_the_newer_version bigint DEFAULT 0",
    "CREATE INDEX ON orders (of_the_newer_version)",
    "CREATE TABLE of_the_newer_version (id bigint PRIMARY KEY)",
];

/// One step more than this binary knows.
struct Newer<'a> {
    database: &'a Database,
    known: i64,
}

impl<'a> Newer<'a> {
    /// Adds what the step adds, then its number and its note in one transaction, as a migration does.
    fn comes(database: &'a Database) -> Self {
        let known = database.sql("SELECT max(number) FROM schema_version");
        let known: i64 = known.expect("migrated").parse().expect("a number");
        let newer = Self { database, known };
        for step in ADDED {
            newer.takes(step);
        }
        let number = known + 1;
        newer.takes(&format!(
            "BEGIN; INSERT INTO schema_version (number) VALUES ({number}); {}; COMMIT",
            newer.note(known)
        ));
        newer
    }

    fn note(&self, oldest: i64) -> String {
        let note = format!("{}:{oldest}", self.known + 1);
        format!("UPDATE meta SET value = '{note}' WHERE key = 'min_compatible'")
    }

    /// The newest schema that a binary must know to run on this one.
    fn asks_for(&self, oldest: i64) {
        self.takes(&self.note(oldest));
    }

    fn takes(&self, statements: &str) {
        tokio::task::block_in_place(|| self.database.sql(statements).expect("it is ours"));
    }
}

/// Kills a member and starts it again.
async fn starts_again(siege: &mut Siege, member: usize) -> anyhow::Result<Duration> {
    siege.kill(member).await.expect("it ran");
    siege.fleet.members[member].app.start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_version_goes_on_under_a_newer_schema_and_starts_on_it_only_if_the_schema_says_so() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut siege = siege(&database.url()).await;
    siege.progress(50).await.expect("orders go on");
    siege.strikes("a newer schema").await.expect("journal");
    let newer = Newer::comes(&database);
    siege.progress(100).await.expect("orders go on");
    both_are_served(&siege, "under the newer schema").await;
    let (api, worker) = (0, siege.fleet.members.len() - 1);
    for member in [api, worker] {
        let started = starts_again(&mut siege, member).await;
        started.expect("the schema says that it may");
    }
    both_are_served(&siege, "started on the newer schema").await;

    siege.strikes("it says no more").await.expect("journal");
    newer.asks_for(newer.known + 1);
    siege.progress(100).await.expect("who runs goes on");
    let refused = starts_again(&mut siege, worker).await;
    let refused = format!("{:#}", refused.expect_err("it must not start"));
    let says = [
        "newer version".into(),
        format!("schema {}", newer.known + 1),
    ];
    assert!(says.iter().all(|s| refused.contains(s)), "{refused}");
    assert!(!refused.contains("panicked"), "{refused}");
    siege.progress(100).await.expect("the others go on");
    both_are_served(&siege, "without the one that was refused").await;

    newer.asks_for(newer.known);
    let member = &mut siege.fleet.members[worker];
    member.app.begin().expect("it is gone");
    siege.recovers(READY_WITHIN).await;
    let statuses = siege.traffic.statuses();
    println!("answers: {statuses:?}");
    assert!(!statuses.contains_key(&500), "{}", siege.fleet.output());
    let enough = Enough {
        orders: 300,
        faults: 3,
    };
    let verdict = siege.judged(enough).await;
    assert!(verdict.is_green(), "{verdict}");
    assert_eq!(database.deadlocks(), Vec::<String>::new());
}

//! The database stopped at once under load, its backends terminated, the wire to it cut around COMMIT.

use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;
use tokio::time::timeout;
use waybill_testkit::checker::Enough;
use waybill_testkit::postgres::{Mode, Postgres, ServerOptions};
use waybill_testkit::proxy::{Cut, Proxy};
use waybill_testkit::seed;
use waybill_testkit::siege::Siege;
use waybill_testkit::traffic::Load;
use waybill_testkit::unavailable::or_skip;

use crate::fleet::fleet;

pub const READY_WITHIN: Duration = Duration::from_secs(30);
const HIT_WITHIN: Duration = Duration::from_secs(20);

pub fn strikes(short: usize) -> usize {
    if seed::long_form() { short * 10 } else { short }
}

pub async fn siege(url: &str) -> Siege {
    let load = Load {
        clients: 24,
        pause_ms: 20,
        // More than are ever placed: what is refused at once while the database is away counts as well.
        orders: 100_000,
    };
    let siege = Siege::lay(fleet(url).await, seed::of_this_run(), load).await;
    siege.expect("orders come")
}

pub async fn is_green(siege: Siege, enough: Enough) {
    let verdict = siege.judged(enough).await;
    assert!(verdict.is_green(), "{verdict}");
}

/// The server stopped as by `pg_ctl stop -m immediate`, or all its processes killed, away for a moment and started
/// again, several times.
async fn stopped_and_started(server: &mut Postgres, siege: &mut Siege, mode: Mode) {
    for _ in 0..strikes(5) {
        if mode == Mode::Killed {
            server.freeze_wal_writer().expect("it has one");
        }
        siege.progress(50).await.expect("orders go on");
        siege.let_it_work(0..500).await.expect("orders go on");
        siege.strikes(format!("{mode:?}")).await.expect("journal");
        tokio::task::block_in_place(|| server.stop(mode).expect("it ran"));
        let away = Duration::from_millis(siege.rng.random_range(0..1_500));
        tokio::time::sleep(away).await;
        tokio::task::block_in_place(|| server.start_again().expect("it recovers"));
        siege.recovers(READY_WITHIN).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_stopped_at_once_loses_no_acknowledged_order() {
    let Some(mut server) = or_skip(Postgres::start(ServerOptions::default())) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut siege = siege(&database.url()).await;
    stopped_and_started(&mut server, &mut siege, Mode::Immediate).await;
    let enough = Enough {
        orders: 150,
        faults: 2,
    };
    is_green(siege, enough).await;
    assert_eq!(server.deadlocks(), Vec::<String>::new());
}

/// The checker can fail: a database that is configured to answer before it syncs is caught by the same run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_answers_before_it_syncs_is_found_out() {
    // The background writer is off and the WAL buffers are large, so that no other process writes answered commits: what
    // a process wrote before it was killed would survive.
    let options = ServerOptions::default()
        .set("bgwriter_lru_maxpages", "0")
        .set("wal_buffers", "64MB");
    let Some(mut server) = or_skip(Postgres::start(options)) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut siege = siege(&database.url()).await;
    // A consumer whose cursor is beyond the lost events waits for them for ever.
    siege.reading.rest_within = Duration::from_secs(5);
    // A process that finds it so when it starts refuses to run.
    let off = format!(
        "ALTER DATABASE {} SET synchronous_commit = off",
        database.name()
    );
    database.sql(&off).expect("it is ours");
    let all = server.terminate_backends("application_name = 'waybill'");
    assert!(
        all.expect("the server answers") > 0,
        "no session was connected"
    );
    assert_eq!(database.sql("SHOW synchronous_commit").expect("set"), "off");
    stopped_and_started(&mut server, &mut siege, Mode::Killed).await;
    let enough = Enough {
        orders: 0,
        faults: 0,
    };
    let verdict = siege.judged(enough).await;
    assert!(verdict.violates("I1"), "{verdict}");
}

/// A COMMIT that lasts is one that can be met.
pub fn lasting_commits() -> ServerOptions {
    ServerOptions::default()
        .set("commit_delay", "10000")
        .set("commit_siblings", "0")
}

/// Whose connection is ended: one that commits, one between two flushes, one that waits for a row, all.
const VICTIMS: [&str; 4] = [
    "state = 'active' AND query LIKE 'COMMIT%'",
    "state = 'idle in transaction'",
    "wait_event_type = 'Lock'",
    "application_name = 'waybill'",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_backends_lose_no_acknowledged_order() {
    let Some(server) = or_skip(Postgres::start(lasting_commits())) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut siege = siege(&database.url()).await;
    let mut met = [0; VICTIMS.len()];
    for number in 0..strikes(40) {
        siege.let_it_work(0..100).await.expect("orders go on");
        let which = number % VICTIMS.len();
        let ended = tokio::task::block_in_place(|| server.terminate_backends(VICTIMS[which]));
        let ended = ended.expect("the server answers");
        if ended > 0 {
            met[which] += ended;
            let what = format!("{ended} backends terminated where {}", VICTIMS[which]);
            siege.strikes(what).await.expect("journal");
        }
    }
    println!("terminated: {met:?}");
    assert!(met[0] >= 2, "no session was in COMMIT: {met:?}");
    siege.recovers(READY_WITHIN).await;
    let enough = Enough {
        orders: 150,
        faults: 8,
    };
    is_green(siege, enough).await;
    assert_eq!(server.deadlocks(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wire_cut_around_commit_makes_an_error_or_a_2xx_that_is_true() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let proxy = Proxy::to(server.socket().expect("an address")).expect("a proxy");
    let url = server.url_via(proxy.address(), database.name());
    let mut siege = siege(&url.expect("an address")).await;
    let cuts = [
        ("COMMIT lost", Cut::lost_commit()),
        ("the answer to COMMIT lost", Cut::lost_commit_answer()),
        ("cut while COMMIT is on its way", Cut::at_commit()),
    ];
    for _ in 0..strikes(40) {
        siege.let_it_work(0..100).await.expect("orders go on");
        let (what, cut) = cuts.choose(&mut siege.rng).expect("there are some");
        let times = siege.rng.random_range(1..4);
        let before = proxy.hits();
        siege
            .strikes(format!("{what}, {times} times"))
            .await
            .expect("journal");
        proxy.arm(cut.clone(), times).expect("a pattern");
        let hit = timeout(HIT_WITHIN, proxy.hit(before + u64::from(times))).await;
        hit.expect("somebody commits");
    }
    proxy.disarm();
    println!("{} connections were cut", proxy.hits());
    siege.recovers(READY_WITHIN).await;
    let enough = Enough {
        orders: 150,
        faults: 10,
    };
    is_green(siege, enough).await;
    assert_eq!(database.deadlocks(), Vec::<String>::new());
}

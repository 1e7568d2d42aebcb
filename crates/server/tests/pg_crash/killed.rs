//! kill -9 of any of them at random moments.

use std::time::Duration;

use rand::RngExt;
use waybill_testkit::checker::{Enough, Verdict};
use waybill_testkit::postgres::Postgres;
use waybill_testkit::seed;
use waybill_testkit::siege::Siege;
use waybill_testkit::traffic::Load;
use waybill_testkit::unavailable::or_skip;

use crate::fleet::fleet;

const READY_WITHIN: Duration = Duration::from_secs(30);

struct Counts {
    kills: usize,
    orders: u64,
}

fn counts() -> Counts {
    let (kills, orders) = if seed::long_form() {
        (300, 60_000)
    } else {
        (30, 6_000)
    };
    Counts { kills, orders }
}

/// The verdict, and how many kills left requests without an answer.
async fn run(mut siege: Siege, kills: usize) -> (Verdict, usize) {
    for _ in 0..kills {
        siege.let_it_work(0..300).await.expect("orders go on");
        let members = siege.fleet.members.len();
        let first = siege.rng.random_range(0..members);
        siege.kill(first).await.expect("it ran");
        let mut down = vec![first];
        // Sometimes a second one while the first is down.
        let second = siege.rng.random_range(0..members);
        if second != first && siege.rng.random_bool(0.3) {
            siege.kill(second).await.expect("it ran");
            down.push(second);
        }
        for member in down {
            siege.fleet.members[member].app.begin().expect("it starts");
        }
        siege.recovers(READY_WITHIN).await;
    }
    let unanswered = siege.with_unanswered();
    let enough = Enough {
        orders: 500,
        faults: kills / 2,
    };
    (siege.judged(enough).await, unanswered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_no_acknowledged_order() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let counts = counts();
    let load = Load {
        clients: 24,
        pause_ms: 20,
        orders: counts.orders,
    };
    let fleet = fleet(&database.url()).await;
    let seed = seed::of_this_run();
    let siege = Siege::lay(fleet, seed, load).await.expect("orders come");
    let (verdict, unanswered) = run(siege, counts.kills).await;
    assert!(verdict.is_green(), "seed {seed}\n{verdict}");
    // Half of those killed take no orders.
    assert!(unanswered >= counts.kills / 6, "only {unanswered}");
    assert_eq!(database.deadlocks(), Vec::<String>::new());
}

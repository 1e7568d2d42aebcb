//! kill -9 of any of them at random moments.

use std::time::Duration;

use rand::RngExt;
use waybill_testkit::checker::{Enough, Verdict};
use waybill_testkit::postgres::{Database, Postgres};
use waybill_testkit::seed;
use waybill_testkit::siege::Siege;
use waybill_testkit::traffic::Load;
use waybill_testkit::unavailable::or_skip;

use crate::fleet::fleet_with;

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

/// Processes with this defect, under siege, and their database.
async fn siege(defect: &str) -> Option<(Siege, Database)> {
    let server = or_skip(Postgres::shared())?;
    let database = server.database(None).expect("a database");
    let load = Load {
        clients: 24,
        pause_ms: 20,
        orders: counts().orders,
    };
    let fleet = fleet_with(&database.url(), defect).await;
    let siege = Siege::lay(fleet, seed::of_this_run(), load).await;
    Some((siege.expect("orders come"), database))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_lose_no_acknowledged_order() {
    let Some((siege, database)) = siege("").await else {
        return;
    };
    let kills = counts().kills;
    let (verdict, unanswered) = run(siege, kills).await;
    assert!(verdict.is_green(), "{verdict}");
    // Half of those killed take no orders.
    assert!(unanswered >= kills / 6, "only {unanswered}");
    assert_eq!(database.deadlocks(), Vec::<String>::new());
}

/// The checker can fail: processes that answer before they commit are caught by the same run.
#[cfg(feature = "planted-defects")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_answer_before_they_commit_are_found_out() {
    let Some((siege, _database)) = siege("answer_before_commit").await else {
        return;
    };
    let (verdict, _) = run(siege, counts().kills).await;
    assert!(verdict.violates("I1"), "{verdict}");
}

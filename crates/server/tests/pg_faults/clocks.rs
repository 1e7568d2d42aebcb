//! One of two machines has another time: by an hour, by a little more than a lease, and it jumps while orders come.

use std::time::Duration;

use waybill_testkit::checker::Enough;
use waybill_testkit::postgres::Postgres;
use waybill_testkit::seed;
use waybill_testkit::server::Fleet;
use waybill_testkit::siege::Siege;
use waybill_testkit::unavailable::or_skip;

use crate::bystander::both_are_served;
use crate::fleet::{load, start};

const READY_WITHIN: Duration = Duration::from_secs(30);
const HOUR: i64 = 3_600;
/// How far the second machine is ahead: steps both ways, over everything that is short and everything that is long.
const AHEAD_S: [i64; 8] = [HOUR, -HOUR, 0, 5, -5, HOUR, 0, -HOUR];

/// The processes of the second machine.
const SECOND: [&str; 2] = ["api-2", "worker-2"];

fn jump(siege: &Siege, ahead_s: i64) {
    let members = siege.fleet.members.iter();
    for member in members.filter(|m| SECOND.contains(&m.name.as_str())) {
        member.app.clock().set_ahead_s(ahead_s);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_loses_no_order_and_keeps_none_waiting() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let url = database.url();
    let fleet = Fleet::ready(2, 2, |name, roles| {
        let start = start(&url, roles);
        if SECOND.contains(&name) {
            start.by_test_clock()
        } else {
            start
        }
    });
    let fleet = fleet.await.expect("it starts");
    let siege = Siege::lay(fleet, seed::of_this_run(), load()).await;
    let mut siege = siege.expect("orders come");
    for (number, ahead_s) in AHEAD_S.into_iter().enumerate() {
        siege.let_it_work(0..500).await.expect("orders go on");
        let what = format!("{number}: {ahead_s} s ahead");
        siege.strikes(&what).await.expect("journal");
        jump(&siege, ahead_s);
        siege.progress(50).await.expect("orders go on");
        both_are_served(&siege, &what).await;
    }
    // The process whose clock was ahead is gone; its leases must not last by its clock.
    jump(&siege, HOUR);
    both_are_served(&siege, "ahead again").await;
    let last = siege.fleet.members.len() - 1;
    siege.kill(last).await.expect("it ran");
    both_are_served(&siege, "without the one that was ahead").await;
    // It comes back on a machine that is behind from the start.
    jump(&siege, -HOUR);
    let member = &mut siege.fleet.members[last];
    member.app.begin().expect("it starts");
    siege.recovers(READY_WITHIN).await;
    both_are_served(&siege, "with one that starts behind").await;
    assert!(
        !siege.fleet.output().contains("panicked"),
        "{}",
        siege.fleet.output()
    );
    let statuses = siege.traffic.statuses();
    println!("answers: {statuses:?}");
    assert!(!statuses.contains_key(&500), "{}", siege.fleet.output());
    let enough = Enough {
        orders: 300,
        faults: 5,
    };
    let verdict = siege.judged(enough).await;
    assert!(verdict.is_green(), "{verdict}");
    assert_eq!(database.deadlocks(), Vec::<String>::new());
}

//! One backend of the database server killed under load: its first process throws away every session and recovers, so
//! the numbers of transactions that had not reached the disk are given again, in what looks like the same life of the
//! server.

use waybill_testkit::checker::Enough;
use waybill_testkit::postgres::Postgres;
use waybill_testkit::unavailable::or_skip;

use crate::database::{READY_WITHIN, is_green, lasting_commits, siege, strikes};

/// Clerks, each of which books a unit at a time: a missing acknowledged unit shows a commit that was lost.
const CLERKS: u64 = 8;
const OF_WAYBILL: &str = "application_name = 'waybill'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_backend_loses_nothing_that_was_answered_for() {
    let Some(server) = or_skip(Postgres::start(lasting_commits())) else {
        return;
    };
    let database = server.database(None).expect("a database");
    let mut siege = siege(&database.url()).await;
    siege.with_clerks(CLERKS);
    let first_process = server.pid().expect("it runs");
    let rounds = strikes(8);
    let mut met = 0;
    for _ in 0..rounds {
        siege.progress(50).await.expect("orders go on");
        siege.let_it_work(0..300).await.expect("orders go on");
        siege
            .strikes("SIGKILL of a backend")
            .await
            .expect("journal");
        let killed = tokio::task::block_in_place(|| server.kill_backend(OF_WAYBILL));
        let killed = killed.expect("it recovers").expect("somebody is connected");
        println!("{killed:?}");
        met += usize::from(killed.committing > 0);
        siege.recovers(READY_WITHIN).await;
    }
    assert_eq!(server.pid().expect("it runs"), first_process);
    assert!(
        met * 2 >= rounds,
        "inconclusive: COMMITs under way at {met} of {rounds}"
    );
    let enough = Enough {
        orders: 150,
        faults: rounds / 2,
    };
    is_green(siege, enough).await;
    assert_eq!(server.deadlocks(), Vec::<String>::new());
}

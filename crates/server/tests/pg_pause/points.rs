//! The points, each a statement by the name that it carries.

use waybill_testkit::postgres::Postgres;
use waybill_testkit::unavailable::or_skip;

use crate::shop::Shop;

/// Orders that come while it sleeps.
const MEANWHILE: usize = 10;

/// It falls asleep at each of these, the others go on, it wakes, and nothing has changed by that.
async fn sleeps_at(points: &[&str]) {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let mut shop = Shop::open(server, "").await;
    for point in points {
        let before = shop.takeovers().await;
        shop.falls_asleep_at(point).await;
        for _ in 0..MEANWHILE {
            shop.place().await;
        }
        shop.all_is_delivered().await;
        let state = shop.state();
        let taken = shop.takeovers().await - before;
        assert!(taken > 0, "{point}: nobody took its parts over");
        shop.wakes();
        shop.both_work().await;
        let changed = "when it woke it changed something";
        assert_eq!(state, shop.state(), "asleep at {point}: {changed}");
        assert_eq!(shop.went_back(), "", "asleep at {point}: {changed}");
        println!("asleep at {point}: {taken} parts taken over, nothing changed when it woke");
    }
    // It works as before.
    for _ in 0..MEANWHILE {
        shop.place().await;
    }
    shop.all_is_delivered().await;
    let report = shop.fleet.api().verify().await.expect("verify reads");
    assert!(report.ok, "{:?}", report.findings);
    assert_eq!(shop.database.deadlocks(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asleep_before_a_transaction_of_a_consumer_it_changes_nothing_when_it_wakes() {
    sleeps_at(&[
        "/* lock::cursor */",
        "/* log::read */",
        "/* orders::states */",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asleep_within_a_transaction_of_a_consumer_it_changes_nothing_when_it_wakes() {
    let points = [
        "/* apply::move */",
        "/* log::append */",
        "COMMIT",
        "/* changes::clear_timers */",
    ];
    sleeps_at(&points).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asleep_while_it_renews_or_takes_leases_it_changes_nothing_when_it_wakes() {
    sleeps_at(&[
        "/* leases::alive */",
        "/* leases::renew */",
        "/* leases::held */",
    ])
    .await;
}

/// The test can fail: a lease whose epoch nobody looks at is found out.
#[cfg(feature = "planted-defects")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sleeper_whose_lease_is_not_fenced_is_found_out() {
    let Some(server) = or_skip(Postgres::shared()) else {
        return;
    };
    let mut shop = Shop::open(server, "unfenced_lease").await;
    for _ in 0..5 {
        shop.falls_asleep_at("/* lock::cursor */").await;
        for _ in 0..MEANWHILE {
            shop.place().await;
        }
        shop.all_is_delivered().await;
        shop.wakes();
        shop.both_work().await;
        let went_back = shop.went_back();
        if !went_back.is_empty() {
            println!("found out: {went_back}");
            return;
        }
    }
    panic!("a sleeper without a fence changed nothing, five times");
}

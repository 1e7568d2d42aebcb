//! The alert that only several processes can raise: leases that run out and are taken over, again and again.

use super::rules::named;
use super::shop::{PARTS, Shop};

const TAKEOVERS: &str = "waybill_lease_takeovers_total";
const CONSUMER: &str = "delivery";

/// What the rule adds up, over all the processes.
async fn churn(shop: &Shop) -> f64 {
    let mut sum = 0.0;
    for worker in 0..shop.workers.len() {
        sum += shop.figure(worker, TAKEOVERS, CONSUMER).await;
    }
    sum
}

#[tokio::test]
async fn workers_that_freeze_in_turn_make_leases_change_hands_and_one_that_freezes_once_does_not() {
    let rule = named("WaybillLeaseChurn");
    let Some(shop) = Shop::open().await else {
        return;
    };
    shop.shared_out_evenly().await;
    shop.workers[0].pause().expect("it runs");
    shop.took_over(1, CONSUMER, PARTS / 2.0).await;
    shop.workers[0].resume().expect("it is frozen");
    let once = churn(&shop).await;
    assert!(!rule.is_crossed_by(once), "{once} of one process");

    // The process with all leases is frozen; the other one resumes and has to wait until those leases have expired.
    shop.workers[0].pause().expect("it runs");
    let (mut awake, mut asleep) = (1, 0);
    let mut had = [0.0, once];
    while !rule.is_crossed_by(had.iter().sum()) {
        shop.holds(awake, CONSUMER, PARTS).await;
        shop.workers[awake].pause().expect("it runs");
        shop.workers[asleep].resume().expect("it is frozen");
        (awake, asleep) = (asleep, awake);
        had[awake] += PARTS;
        shop.took_over(awake, CONSUMER, had[awake]).await;
    }
    shop.workers[asleep].resume().expect("it is frozen");
    let again = churn(&shop).await;
    assert!(rule.is_crossed_by(again), "{again} of both");
    let orders = shop.place(3).await;
    shop.delivered(&orders).await;
    shop.adds_up().await;
}

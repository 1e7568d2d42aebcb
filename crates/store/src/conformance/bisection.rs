//! One invalid order among many fails alone.

use super::Harness;
use crate::error::Error;
use crate::model::Accepted;
use waybill_domain::intake::NewOrder;

/// A batch in which the orders at `faults` have a line that violates a constraint.
fn batch(h: &Harness, size: usize, faults: &[usize]) -> Vec<NewOrder> {
    let mut orders: Vec<_> = (0..size).map(|_| h.make.order(&[("A", 2)])).collect();
    for at in faults {
        orders[*at].lines[0].quantity = 0;
    }
    orders
}

async fn assert_only_these_fail(h: &Harness, size: usize, faults: &[usize]) {
    let before = h.level("A").await.reserved;
    let orders = batch(h, size, faults);
    let ids: Vec<_> = orders.iter().map(|o| o.id).collect();
    let results = h.accept(orders).await;
    for (at, result) in results.iter().enumerate() {
        match result {
            Ok(Accepted::Created { .. }) => assert!(!faults.contains(&at), "{at} was let through"),
            Err(Error::Refused { .. }) => assert!(faults.contains(&at), "{at} is not at fault"),
            other => panic!("{at}: {other:?}"),
        }
    }
    let stored: Vec<_> = h
        .store
        .orders(ids.clone())
        .await
        .expect("orders are read")
        .iter()
        .map(|o| o.id)
        .collect();
    let good: Vec<_> = ids
        .iter()
        .enumerate()
        .filter(|(at, _)| !faults.contains(at))
        .map(|(_, id)| *id)
        .collect();
    assert_eq!(stored, good);
    let sold = i64::try_from(good.len()).expect("few") * 2;
    assert_eq!(
        h.level("A").await.reserved - before,
        sold,
        "what was undone is not held"
    );
}

pub(super) async fn an_order_at_fault_fails_alone_in_a_batch_of_64(h: Harness) {
    h.put("A", 10_000).await;
    for faults in [&[0][..], &[63], &[31], &[32], &[5, 6, 40], &[]] {
        assert_only_these_fail(&h, 64, faults).await;
    }
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_batch_in_which_all_are_at_fault_leaves_nothing(h: Harness) {
    h.put("A", 10).await;
    assert_only_these_fail(&h, 5, &[0, 1, 2, 3, 4]).await;
    assert_only_these_fail(&h, 1, &[0]).await;
    assert!(h.accept(vec![]).await.is_empty());
    assert_eq!(h.log().await.len(), 1, "the count of stock alone");
}

pub(super) async fn the_log_and_its_listener_know_nothing_of_what_was_undone(h: Harness) {
    h.put("A", 1_000).await;
    assert_only_these_fail(&h, 64, &[7, 50]).await;
    let log = h.log().await;
    assert_eq!(log.len(), 1 + 62 * 2);
    assert!(log.windows(2).all(|w| w[0].position < w[1].position));
    h.assert_listener_got_the_log().await;
    let stats = h.store.stats().await.expect("stats are read");
    assert_eq!(
        stats.orders_by_status.iter().map(|(_, n)| n).sum::<i64>(),
        62
    );
}

pub(super) async fn the_claims_of_an_order_at_fault_are_free_again(h: Harness) {
    h.put("A", 10).await;
    let mut orders = batch(&h, 2, &[0]);
    assert!(h.accept(orders.clone()).await[0].is_err());
    orders[0].lines[0].quantity = 1;
    h.created(orders.remove(0)).await;
}

pub(super) async fn a_decision_that_cannot_be_computed_fails_alone(h: Harness) {
    h.put("A", 100).await;
    let mut orders = batch(&h, 4, &[]);
    // More units than a 64-bit number holds. This order fails, but not the others of the batch.
    orders[2] = h.make.order(&[("A", i64::MAX), ("A", i64::MAX)]);
    let results = h.accept(orders).await;
    assert_eq!(
        results.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, true, false, true]
    );
    assert_eq!(h.level("A").await.reserved, 6);
    h.created(h.make.order(&[("A", 1)])).await;
}

pub(super) async fn a_duplicate_of_an_order_at_fault_takes_its_place(h: Harness) {
    h.put("A", 10).await;
    let mut first = h.make.order(&[("A", 1)]);
    let second = h.make.again(&first);
    first.lines[0].quantity = 0;
    let results = h.accept(vec![first, second.clone()]).await;
    assert!(results[0].is_err());
    assert!(
        matches!(results[1], Ok(Accepted::Created { .. })),
        "{:?}",
        results[1]
    );
    h.record(second.id).await;
}

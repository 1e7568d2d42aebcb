//! Claims: each belongs to one order only.

use super::Harness;
use crate::model::{Accepted, OrderRef};
use waybill_domain::claim::{ClaimKind, frees_duplicate};
use waybill_domain::ids::OrderId;
use waybill_domain::intake::NewOrder;
use waybill_domain::status::OrderStatus;
use waybill_domain::text::Tenant;

const DAY_MS: i64 = 86_400_000;

fn other_body(h: &Harness, order: &NewOrder) -> NewOrder {
    NewOrder {
        body_hash: h.make.id().into_bytes(),
        ..h.make.again(order)
    }
}

#[track_caller]
fn assert_replayed(answer: &crate::error::Result<Accepted>, first: OrderId) {
    assert!(
        matches!(answer, Ok(Accepted::Replayed { order_id }) if *order_id == first),
        "{answer:?}"
    );
}

#[track_caller]
fn assert_taken(answer: &crate::error::Result<Accepted>, by: OrderId, what: ClaimKind) {
    assert!(
        matches!(answer, Ok(Accepted::Taken { kind, holder }) if holder.order_id == by && *kind == what),
        "{answer:?}"
    );
}

pub(super) async fn the_same_key_and_body_is_the_first_order_again(h: Harness) {
    h.put("A", 5).await;
    let first = h.make.order(&[("A", 1)]);
    h.created(first.clone()).await;
    assert_replayed(&h.accept_one(h.make.again(&first)).await, first.id);
    assert_replayed(&h.accept_one(first.clone()).await, first.id);
    assert_eq!(h.level("A").await.reserved, 1);
    assert_eq!(h.events_of(first.id).await.len(), 2);
}

pub(super) async fn the_same_key_with_another_body_is_taken(h: Harness) {
    h.put("A", 5).await;
    let first = h.make.order(&[("A", 1)]);
    h.created(first.clone()).await;
    assert_taken(
        &h.accept_one(other_body(&h, &first)).await,
        first.id,
        ClaimKind::Key,
    );
    assert_eq!(h.level("A").await.reserved, 1);
}

pub(super) async fn the_same_key_many_times_in_one_batch_makes_one_order(h: Harness) {
    h.put("A", 50).await;
    let first = h.make.order(&[("A", 1)]);
    let mut batch = vec![first.clone()];
    batch.extend((0..9).map(|_| h.make.again(&first)));
    batch.push(other_body(&h, &first));
    let results = h.accept(batch).await;
    assert!(matches!(results[0], Ok(Accepted::Created { .. })));
    results[1..10]
        .iter()
        .for_each(|r| assert_replayed(r, first.id));
    assert_taken(&results[10], first.id, ClaimKind::Key);
    assert_eq!(h.level("A").await.reserved, 1);
}

pub(super) async fn the_same_key_at_the_same_time_makes_one_order(h: Harness) {
    h.put("A", 50).await;
    let first = h.make.order(&[("A", 1)]);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, order) = (h.store.clone(), h.make.again(&first));
            tokio::spawn(async move { store.accept(vec![order.into()]).await })
        })
        .collect();
    let mut answers = vec![];
    for task in tasks {
        answers.extend(task.await.expect("no panic").expect("the batch is taken"));
    }
    let created = answers
        .iter()
        .filter(|a| matches!(a, Ok(Accepted::Created { .. })))
        .count();
    let replayed = answers
        .iter()
        .filter(|a| matches!(a, Ok(Accepted::Replayed { .. })))
        .count();
    assert_eq!((created, replayed, h.level("A").await.reserved), (1, 15, 1));
}

pub(super) async fn an_expired_claim_does_not_stand_in_the_way(h: Harness) {
    h.put("A", 5).await;
    let first = h.make.order(&[("A", 1)]);
    h.created(first.clone()).await;
    h.clock.advance_ms(DAY_MS - 1);
    assert_taken(
        &h.accept_one(other_body(&h, &first)).await,
        first.id,
        ClaimKind::Key,
    );
    h.clock.advance_ms(1);
    let mut second = other_body(&h, &first);
    second.claims[0].expires_at = Some(h.make.in_ms(DAY_MS));
    h.created(second.clone()).await;
    assert_replayed(&h.accept_one(h.make.again(&second)).await, second.id);
    assert_eq!(h.level("A").await.reserved, 2);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_refused_order_gives_its_claims_back(h: Harness) {
    h.put("A", 1).await;
    let mut short = h.make.order(&[("A", 2)]);
    short.claims.push(h.make.claim(ClaimKind::Reference));
    assert!(matches!(
        h.accept_one(short.clone()).await,
        Ok(Accepted::Short(_))
    ));
    let mut asks = h.make.order(&[("X", 2)]);
    asks.claims.clone_from(&short.claims);
    assert!(matches!(
        h.accept_one(asks).await,
        Ok(Accepted::AskInventory(_))
    ));
    assert_eq!(
        h.findings().await,
        [""; 0],
        "no claim is left without its order"
    );
    let mut third = other_body(&h, &short);
    third.lines[0].quantity = 1;
    h.created(third).await;
}

pub(super) async fn an_order_stopped_by_its_second_claim_gives_the_first_back(h: Harness) {
    h.put("A", 9).await;
    let mut first = h.make.order(&[("A", 1)]);
    first.claims.push(h.make.claim(ClaimKind::Number));
    h.created(first.clone()).await;
    let mut second = h.make.order(&[("A", 1)]);
    second.claims.push(first.claims[1]);
    assert_taken(
        &h.accept_one(second.clone()).await,
        first.id,
        ClaimKind::Number,
    );
    second.claims.pop();
    h.created(second).await;
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn an_order_is_found_by_its_claims_while_they_last(h: Harness) {
    h.put("A", 5).await;
    let mut order = h.make.order(&[("A", 1)]);
    order.claims.push(h.make.claim(ClaimKind::Reference));
    h.created(order.clone()).await;
    let tenant = Tenant::default();
    let by = |n: usize, kind| OrderRef::Claim {
        kind,
        hash: order.claims[n].hash,
    };
    let found = |by| async {
        h.store
            .order(&tenant, by)
            .await
            .expect("read")
            .map(|r| r.order.id)
    };
    assert_eq!(found(by(0, ClaimKind::Key)).await, Some(order.id));
    assert_eq!(
        found(by(0, ClaimKind::Reference)).await,
        None,
        "another kind is another claim"
    );
    assert_eq!(found(by(1, ClaimKind::Reference)).await, Some(order.id));
    h.clock.advance_ms(DAY_MS);
    assert_eq!(found(by(0, ClaimKind::Key)).await, None);
    assert_eq!(found(by(1, ClaimKind::Reference)).await, Some(order.id));
}

pub(super) async fn a_duplicate_with_any_body_returns_the_first_order(h: Harness) {
    h.put("A", 5).await;
    let mut first = h.make.order(&[("A", 1)]);
    first.claims[0].kind = ClaimKind::Duplicate;
    h.created(first.clone()).await;
    assert_replayed(&h.accept_one(other_body(&h, &first)).await, first.id);
}

pub(super) async fn a_duplicate_of_an_order_that_came_to_nothing_is_a_new_order(mut h: Harness) {
    h.put("A", 50).await;
    for status in OrderStatus::ALL {
        let mut first = h.make.order(&[("A", 1)]);
        first.claims[0].kind = ClaimKind::Duplicate;
        let with_key = h.make.order(&[("A", 1)]);
        h.created(first.clone()).await;
        h.created(with_key.clone()).await;
        h.store.close().await;
        let all = format!("UPDATE orders SET status = '{status}'");
        h.driver.damage(&all).await;
        h.reopen().await;
        let second = other_body(&h, &first);
        let answer = h.accept_one(second.clone()).await;
        if frees_duplicate(*status) {
            assert!(
                matches!(answer, Ok(Accepted::Created { .. })),
                "{status}: {answer:?}"
            );
            let third = other_body(&h, &first);
            assert_replayed(&h.accept_one(third).await, second.id);
        } else {
            assert_replayed(&answer, first.id);
        }
        // A key is for one request, whatever became of its order.
        assert_replayed(&h.accept_one(h.make.again(&with_key)).await, with_key.id);
    }
}

pub(super) async fn only_expired_claims_are_forgotten_and_all_of_them_in_the_end(h: Harness) {
    h.put("A", 100).await;
    for n in 0..25 {
        let mut order = h.make.order(&[("A", 1)]);
        order.claims[0].hash[0] = n;
        order.claims[0].expires_at = (n % 2 == 0).then(|| h.make.in_ms(1_000));
        h.created(order).await;
    }
    assert_eq!(
        h.store
            .forget_claims(h.clock.now(), 100)
            .await
            .expect("runs"),
        0
    );
    h.clock.advance_ms(1_000);
    let mut forgotten = vec![];
    for _ in 0..4 {
        forgotten.push(h.store.forget_claims(h.clock.now(), 5).await.expect("runs"));
    }
    assert_eq!(
        (forgotten.iter().sum::<usize>(), forgotten.iter().max()),
        (13, Some(&5))
    );
    let left = h.driver.verify().await.expect("verify runs").counts.claims;
    assert_eq!(left, 12);
}

//! Consumers: effects and cursor together, fenced by the lease's epoch (I9, I17).

use super::Harness;
use crate::Result;
use crate::error::Error;
use crate::model::{ConsumerBatch, Lease, ParkedOutcome};
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::command::Command;
use waybill_domain::ids::OrderId;
use waybill_domain::parked::NextTry;

#[track_caller]
fn assert_fenced<T: std::fmt::Debug>(result: &Result<T>) {
    assert!(matches!(result, Err(Error::Fenced { .. })), "{result:?}");
}

async fn cursor(h: &Harness, consumer: &str) -> i64 {
    let stats = h.store.stats().await.expect("stats are read");
    let found = stats
        .cursors
        .iter()
        .find(|(name, partition, _)| name == consumer && *partition == 0);
    found.expect("the cursor is there").2
}

/// A note on an order as a batch of a consumer.
async fn note(h: &Harness, lease: &Lease, from: i64, id: OrderId) -> ConsumerBatch<OrderEffect> {
    let mut batch = Harness::batch(lease, from, from + 2);
    batch.changes = vec![h.command(&h.order(id).await, &Command::AddNote)];
    batch
}

pub(super) async fn a_new_consumer_starts_at_the_beginning_of_the_log(h: Harness) {
    let (lease, from) = h.lease("status").await;
    assert_eq!(
        (from, lease.consumer.as_str(), lease.partition),
        (0, "status", 0)
    );
    let (again, from) = h.lease("status").await;
    assert_eq!((from, again.epoch), (0, lease.epoch + 1));
    assert_eq!(h.lease("other").await.1, 0);
}

pub(super) async fn the_cursor_moves_with_the_effects(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let (lease, from) = h.lease("status").await;
    h.store
        .apply_batch(note(&h, &lease, from, id).await)
        .await
        .expect("applied");
    assert_eq!(
        (cursor(&h, "status").await, h.order(id).await.version),
        (2, 3)
    );
    assert_eq!(h.lease("status").await.1, 2);
    h.assert_listener_got_the_log().await;
}

pub(super) async fn a_batch_without_effects_moves_the_cursor_too(h: Harness) {
    let (lease, from) = h.lease("status").await;
    h.store
        .apply_batch(Harness::batch(&lease, from, 7))
        .await
        .expect("applied");
    h.store
        .apply_batch(Harness::batch(&lease, 7, 9))
        .await
        .expect("applied");
    assert_eq!(cursor(&h, "status").await, 9);
}

pub(super) async fn the_same_batch_twice_is_applied_once(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let (lease, from) = h.lease("status").await;
    let batch = note(&h, &lease, from, id).await;
    h.store.apply_batch(batch.clone()).await.expect("applied");
    assert_fenced(&h.store.apply_batch(batch).await);
    assert_eq!(
        (cursor(&h, "status").await, h.order(id).await.version),
        (2, 3)
    );
}

pub(super) async fn a_batch_from_elsewhere_than_the_cursor_changes_nothing(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let (lease, _) = h.lease("status").await;
    for from in [-1, 1, 99] {
        assert_fenced(&h.store.apply_batch(note(&h, &lease, from, id).await).await);
    }
    assert_eq!(
        (cursor(&h, "status").await, h.order(id).await.version),
        (0, 2)
    );
}

pub(super) async fn an_effect_that_conflicts_leaves_cursor_and_all_other_effects(h: Harness) {
    h.put("A", 9).await;
    let one = h.created(h.make.order(&[("A", 1)])).await;
    let two = h.created(h.make.order(&[("A", 1)])).await;
    let (lease, from) = h.lease("status").await;
    let mut batch = note(&h, &lease, from, one).await;
    batch
        .changes
        .extend(note(&h, &lease, from, two).await.changes);
    h.done(two, &Command::AddNote).await;
    let log = h.log().await;
    let refused = h.store.apply_batch(batch).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(
        (cursor(&h, "status").await, h.order(one).await.version),
        (0, 2)
    );
    assert_eq!(h.log().await, log);
    h.assert_listener_got_the_log().await;
}

pub(super) async fn a_process_that_lost_the_lease_changes_nothing(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let event = h.events_of(id).await.remove(0);
    let (old, from) = h.lease("status").await;
    let mut batch = Harness::batch(&old, from, event.position);
    batch.park = vec![h.parking(&event, Some("no"), 0)];
    h.store.apply_batch(batch).await.expect("parked");
    let change = h.command(&h.order(id).await, &Command::AddNote);
    let (new, from) = h.lease("status").await;
    let log = h.log().await;
    assert_fenced(
        &h.store
            .apply_batch(Harness::batch(&old, from, from + 1))
            .await,
    );
    assert_fenced(
        &h.store
            .write_changes(vec![change.clone()], Some(old.clone()))
            .await,
    );
    for outcome in [
        ParkedOutcome::Applied(Some(change.clone())),
        ParkedOutcome::Discarded,
        ParkedOutcome::Failed {
            error: "again".into(),
            next: NextTry::NoneLeft,
        },
    ] {
        assert_fenced(
            &h.store
                .settle_parked(old.clone(), id, event.position, outcome)
                .await,
        );
    }
    assert_eq!((h.log().await, cursor(&h, "status").await), (log, from));
    let parked = h
        .store
        .due_parked("status", 0, h.clock.now(), 9)
        .await
        .expect("read");
    assert_eq!((parked.len(), parked[0].attempts), (1, 1));
    h.store
        .write_changes(vec![change], Some(new))
        .await
        .expect("not fenced")
        .remove(0)
        .expect("no other write came first");
}

pub(super) async fn a_lease_of_an_unknown_consumer_is_fenced(h: Harness) {
    let unknown = Lease {
        consumer: "unknown".into(),
        partition: 0,
        epoch: 0,
    };
    assert_fenced(&h.store.apply_batch(Harness::batch(&unknown, 0, 1)).await);
    let nothing: Vec<Change<OrderEffect>> = vec![];
    assert_fenced(&h.store.write_changes(nothing, Some(unknown)).await);
}

pub(super) async fn one_consumers_lease_does_not_fence_another(h: Harness) {
    let (status, _) = h.lease("status").await;
    h.lease("delivery").await;
    h.store
        .apply_batch(Harness::batch(&status, 0, 1))
        .await
        .expect("its own lease is the newest");
}

pub(super) async fn a_change_of_a_parked_order_is_a_conflict_and_of_another_one_is_not(h: Harness) {
    let parked = h.sold("A", 5, 1).await;
    let free = h.created(h.make.order(&[("A", 1)])).await;
    let events = h.events_of(parked).await;
    let (lease, from) = h.lease("status").await;
    let mut batch = Harness::batch(&lease, from, 2);
    batch.park = vec![h.parking(&events[0], Some("no"), 0)];
    h.store.apply_batch(batch).await.expect("parked");
    let refused = h.store.apply_batch(note(&h, &lease, 2, parked).await).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    h.store
        .apply_batch(note(&h, &lease, 2, free).await)
        .await
        .expect("other orders flow on");
    let (other, from) = h.lease("delivery").await;
    h.store
        .apply_batch(note(&h, &other, from, parked).await)
        .await
        .expect("it is parked for one consumer only");
}

pub(super) async fn an_event_is_parked_in_the_batch_that_changes_its_order_before_it(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let events = h.events_of(id).await;
    let (lease, from) = h.lease("status").await;
    let mut batch = note(&h, &lease, from, id).await;
    batch.park = vec![h.parking(&events[1], Some("no"), 0)];
    h.store
        .apply_batch(batch)
        .await
        .expect("applied and parked");
    assert_eq!(h.order(id).await.version, 3);
    assert_eq!(
        h.store
            .parked_orders("status", vec![id])
            .await
            .expect("read"),
        [id]
    );
}

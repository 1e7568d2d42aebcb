//! Leases: one owner of a partition at a time; a lease is taken over when it has run out or was ended early.

use super::Harness;
use crate::error::Error;
use crate::model::{Lease, LeaseView};

/// Takes a lease for a second.
async fn take(h: &Harness, partition: u16, owner: &str) -> Option<Lease> {
    let (now, until) = (h.clock.now(), h.make.in_ms(1_000));
    let taken = h
        .store
        .take_lease("status", partition, owner, now, until)
        .await;
    taken.expect("leases are written").map(|(lease, _)| lease)
}

/// Registers an owner for a second.
async fn alive(h: &Harness, owner: &str) -> LeaseView {
    let (now, until) = (h.clock.now(), h.make.in_ms(1_000));
    let view = h.store.keep_alive("status", owner, now, until).await;
    view.expect("members are written")
}

fn owners(view: &LeaseView) -> Vec<(u16, &str)> {
    let held = view.held.iter();
    held.map(|l| (l.partition, l.owner.as_str())).collect()
}

pub(super) async fn a_lease_is_one_owners_until_it_runs_out(h: Harness) {
    let first = take(&h, 0, "a").await.expect("free");
    assert_eq!(take(&h, 0, "b").await, None);
    h.clock.advance_ms(999);
    assert_eq!(take(&h, 0, "b").await, None);
    h.clock.advance_ms(1);
    let second = take(&h, 0, "b").await.expect("it has run out");
    assert_eq!(second.epoch, first.epoch + 1);
    let late = h.store.apply_batch(Harness::batch(&first, 0, 1)).await;
    assert!(matches!(late, Err(Error::Fenced { .. })), "{late:?}");
    h.store
        .apply_batch(Harness::batch(&second, 0, 1))
        .await
        .expect("the owner is not fenced");
}

pub(super) async fn an_owner_that_says_it_is_alive_keeps_its_leases(h: Harness) {
    let lease = take(&h, 0, "a").await.expect("free");
    for _ in 0..5 {
        h.clock.advance_ms(900);
        let view = alive(&h, "a").await;
        assert_eq!(owners(&view), [(0, "a")]);
        assert_eq!(view.held[0].epoch, lease.epoch, "it is the same lease");
        assert_eq!(take(&h, 0, "b").await, None);
    }
    h.store
        .apply_batch(Harness::batch(&lease, 0, 1))
        .await
        .expect("it was never lost");
}

pub(super) async fn a_lease_that_ran_out_is_not_renewed(h: Harness) {
    take(&h, 0, "a").await.expect("free");
    h.clock.advance_ms(1_000);
    assert_eq!(
        owners(&alive(&h, "a").await),
        [],
        "another owner may have taken it by now"
    );
    assert!(take(&h, 0, "b").await.is_some());
    assert_eq!(owners(&alive(&h, "a").await), [(0, "b")]);
}

pub(super) async fn who_is_alive_is_told_and_who_is_silent_forgotten(h: Harness) {
    alive(&h, "b").await;
    assert_eq!(alive(&h, "a").await.members, ["a", "b"]);
    h.clock.advance_ms(500);
    alive(&h, "a").await;
    h.clock.advance_ms(500);
    assert_eq!(alive(&h, "a").await.members, ["a"]);
    let (now, until) = (h.clock.now(), h.make.in_ms(1_000));
    let others = h.store.keep_alive("delivery", "c", now, until).await;
    assert_eq!(others.expect("written").members, ["c"], "by consumer");
}

pub(super) async fn a_lease_handed_back_is_free_at_once_and_only_its_owners_to_give(h: Harness) {
    let first = take(&h, 0, "a").await.expect("free");
    h.store.release_lease(&first, "b").await.expect("ignored");
    assert_eq!(take(&h, 0, "b").await, None);
    h.store.release_lease(&first, "a").await.expect("given");
    let second = take(&h, 0, "b").await.expect("it is free");
    h.store.release_lease(&first, "a").await.expect("ignored");
    assert_eq!(take(&h, 0, "a").await, None, "b has it");
    assert!(second.epoch > first.epoch);
}

pub(super) async fn who_leaves_is_no_member_and_holds_nothing(h: Harness) {
    alive(&h, "a").await;
    take(&h, 0, "a").await.expect("free");
    h.store.leave("status", "a").await.expect("written");
    let view = alive(&h, "b").await;
    assert_eq!((view.members, view.held), (vec!["b".into()], vec![]));
    assert!(take(&h, 0, "b").await.is_some());
}

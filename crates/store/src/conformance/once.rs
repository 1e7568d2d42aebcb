//! Commands that are done once: a key is claimed in the transaction of its command, or not at all.

use super::Harness;
use crate::error::{Error, Result};
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::command::Command;
use waybill_domain::ids::OrderId;
use waybill_domain::once::{CommandClaim, CommandDone};
use waybill_domain::order::HoldReason;
use waybill_domain::stock::{Adjustment, AdjustmentRefusal};
use waybill_domain::text::Tenant;

const DAY_MS: i64 = 86_400_000;

fn claim(h: &Harness) -> CommandClaim {
    CommandClaim {
        hash: h.make.id().into_bytes(),
        request: h.make.id().into_bytes(),
        expires_at: h.make.in_ms(DAY_MS),
        outcome: "first".into(),
    }
}

async fn done(h: &Harness, claim: &CommandClaim) -> Option<CommandDone> {
    let done = h.store.command_done(&Tenant::default(), claim.hash).await;
    done.expect("read")
}

/// A hold to be placed on an order, with a key.
async fn holding(h: &Harness, id: OrderId, claim: &CommandClaim) -> Change<OrderEffect> {
    let command = Command::PlaceHold {
        reason: HoldReason::Manual,
        placed_by: "client:c-1".into(),
        note: None,
    };
    Change {
        claim: Some(claim.clone()),
        ..h.command(&h.order(id).await, &command)
    }
}

fn is_used(result: &Result<()>) -> bool {
    matches!(result, Err(Error::KeyUsed))
}

pub(super) async fn a_change_with_a_key_is_written_once(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let claim = claim(&h);
    assert_eq!(done(&h, &claim).await, None);
    let first = h.write_changes(vec![holding(&h, id, &claim).await]).await;
    assert!(first[0].is_ok(), "{first:?}");
    let kept = done(&h, &claim).await.expect("it is claimed");
    assert_eq!(
        (kept.request, kept.outcome.as_str()),
        (claim.request, "first")
    );
    let second = h.write_changes(vec![holding(&h, id, &claim).await]).await;
    assert!(is_used(&second[0]), "{second:?}");
    let order = h.order(id).await;
    assert_eq!((order.holds.len(), order.version), (1, 3));
    let another = Tenant::stored("other");
    let of_another = h.store.command_done(&another, claim.hash);
    assert_eq!(of_another.await.expect("read"), None);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn the_same_key_many_times_at_once_is_used_once(h: Harness) {
    h.put("A", 100).await;
    let claim = claim(&h);
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let mut change = h.make.stock("A", Adjustment::Delta(-3));
            change.claim = Some(claim.clone());
            let store = h.store.clone();
            tokio::spawn(async move { store.adjust_stock(vec![change]).await })
        })
        .collect();
    let mut booked = 0;
    for task in tasks {
        let outcome = task.await.expect("no panic").expect("taken").remove(0);
        match outcome {
            Ok(_) => booked += 1,
            Err(refusal) => assert_eq!(refusal, AdjustmentRefusal::KeyUsed),
        }
    }
    assert_eq!((booked, h.level("A").await.on_hand), (1, 97));
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn the_outcome_of_a_stock_change_is_kept_with_its_key(h: Harness) {
    h.sold("A", 10, 4).await;
    let mut change = h.make.stock("A", Adjustment::Delta(-3));
    change.claim = Some(claim(&h));
    let claim = change.claim.clone().expect("it has one");
    let row = h.store.adjust_stock(vec![change.clone()]).await;
    let row = row.expect("taken").remove(0).expect("allowed");
    h.put("A", 50).await;
    let kept = done(&h, &claim).await.expect("it is claimed");
    assert_eq!(change.replayed(&kept.outcome), Some(row));
    assert_eq!(change.replayed("nonsense"), None);
}

pub(super) async fn a_command_that_is_not_done_leaves_its_key_free(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let key = claim(&h);
    let late = holding(&h, id, &key).await;
    let other = h.sold("B", 5, 1).await;
    h.done(id, &Command::AddNote).await;
    let beside = h.command(&h.order(other).await, &Command::AddNote);
    let results = h.write_changes(vec![late, beside]).await;
    assert!(matches!(results[0], Err(Error::Conflict { .. })) && !is_used(&results[0]));
    assert!(results[1].is_ok(), "{results:?}");
    assert_eq!(done(&h, &key).await, None);

    let mut refused = h.make.stock("A", Adjustment::Count(-1));
    refused.claim = Some(key.clone());
    let allowed = h.make.stock("B", Adjustment::Count(9));
    let outcomes = h.store.adjust_stock(vec![refused, allowed]).await;
    let outcomes = outcomes.expect("taken");
    assert!(outcomes[0].is_err() && outcomes[1].is_ok(), "{outcomes:?}");
    assert_eq!(done(&h, &key).await, None);

    let retried = h.write_changes(vec![holding(&h, id, &key).await]).await;
    assert!(retried[0].is_ok(), "{retried:?}");
}

pub(super) async fn a_key_is_free_again_when_it_has_expired(h: Harness) {
    h.put("A", 10).await;
    let with_key = |claim: &CommandClaim| {
        let mut change = h.make.stock("A", Adjustment::Delta(-1));
        change.claim = Some(claim.clone());
        change
    };
    let mut key = claim(&h);
    for on_hand in [9, 8] {
        let outcome = h.store.adjust_stock(vec![with_key(&key)]).await;
        let row = outcome.expect("taken").remove(0).expect("allowed");
        assert_eq!(row.level.on_hand, on_hand);
        h.clock.advance_ms(DAY_MS);
        assert_eq!(done(&h, &key).await, None);
        key.expires_at = h.make.in_ms(DAY_MS);
    }
    let forgotten = h.store.forget_claims(h.clock.now(), 10).await;
    assert_eq!(forgotten.expect("forgotten"), 1);
}

pub(super) async fn keys_outlive_the_process(mut h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let key = claim(&h);
    let first = h.write_changes(vec![holding(&h, id, &key).await]).await;
    assert!(first[0].is_ok(), "{first:?}");
    h.reopen().await;
    assert!(done(&h, &key).await.is_some());
    let again = h.write_changes(vec![holding(&h, id, &key).await]).await;
    assert!(is_used(&again[0]), "{again:?}");
}

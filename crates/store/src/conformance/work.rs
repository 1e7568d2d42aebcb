//! Work for external services: leased, done at least once, its result guarded by the lease.

use super::Harness;
use crate::error::Error;
use crate::model::{LeasedWork, WorkOutcome};
use waybill_domain::change::NewWork;
use waybill_domain::change::OrderEffect;
use waybill_domain::command::Command;
use waybill_domain::text::Tenant;

fn piece(h: &Harness, target: &str, in_ms: i64) -> NewWork {
    NewWork {
        id: h.make.id(),
        target: target.into(),
        order_id: None,
        due_at: h.make.in_ms(in_ms),
        body: "{\"call\":\"it\"}".into(),
        if_awaited: None,
    }
}

async fn add(h: &Harness, work: Vec<NewWork>) {
    h.store
        .add_work(&Tenant::default(), work)
        .await
        .expect("added");
}

/// Leases for a second.
async fn lease(h: &Harness, target: &str, limit: usize) -> Vec<LeasedWork> {
    h.store
        .lease_work(target, h.clock.now(), h.make.in_ms(1_000), limit)
        .await
        .expect("leased")
}

#[track_caller]
fn assert_fenced(result: &crate::Result<()>) {
    assert!(matches!(result, Err(Error::Fenced { .. })), "{result:?}");
}

pub(super) async fn due_work_of_a_target_is_leased_once(h: Harness) {
    let (now, later, other) = (piece(&h, "a", 0), piece(&h, "a", 10), piece(&h, "b", 0));
    add(&h, vec![later.clone(), now.clone(), other, now.clone()]).await;
    let leased = lease(&h, "a", 10).await;
    assert_eq!(leased.len(), 1);
    assert_eq!(
        (leased[0].id, leased[0].body.as_str(), leased[0].attempts),
        (now.id, now.body.as_str(), 1)
    );
    assert!(lease(&h, "a", 10).await.is_empty());
    h.clock.advance_ms(10);
    assert_eq!(lease(&h, "a", 10).await[0].id, later.id);
}

pub(super) async fn work_is_leased_up_to_a_limit(h: Harness) {
    add(&h, (0..5).map(|_| piece(&h, "a", 0)).collect()).await;
    let mut sizes = vec![];
    for _ in 0..4 {
        sizes.push(lease(&h, "a", 2).await.len());
    }
    assert_eq!(sizes, [2, 2, 1, 0]);
}

pub(super) async fn work_whose_lease_ran_out_is_leased_anew_and_its_former_holder_fenced(
    h: Harness,
) {
    add(&h, vec![piece(&h, "a", 0)]).await;
    let first = lease(&h, "a", 1).await.remove(0);
    h.clock.advance_ms(999);
    assert!(lease(&h, "a", 1).await.is_empty());
    h.clock.advance_ms(1);
    let second = lease(&h, "a", 1).await.remove(0);
    assert_eq!((second.id, second.attempts), (first.id, 2));
    assert!(second.epoch > first.epoch);
    assert_fenced(
        &h.store
            .settle_work(&first, WorkOutcome::<OrderEffect>::Done(None))
            .await,
    );
    assert_fenced(
        &h.store
            .settle_work(
                &first,
                WorkOutcome::<OrderEffect>::Again {
                    error: "x".into(),
                    due_at: h.clock.now(),
                    unanswered: false,
                },
            )
            .await,
    );
    h.store
        .settle_work(&second, WorkOutcome::<OrderEffect>::Done(None))
        .await
        .expect("settled");
    assert_fenced(
        &h.store
            .settle_work(&second, WorkOutcome::<OrderEffect>::Done(None))
            .await,
    );
    assert_eq!(h.store.stats().await.expect("read").work, 0);
}

pub(super) async fn failed_work_is_not_leased_before_it_is_due(h: Harness) {
    add(&h, vec![piece(&h, "a", 0)]).await;
    let first = lease(&h, "a", 1).await.remove(0);
    let again = WorkOutcome::<OrderEffect>::Again {
        error: "busy".into(),
        due_at: h.make.in_ms(50),
        unanswered: false,
    };
    h.store.settle_work(&first, again).await.expect("settled");
    assert_fenced(
        &h.store
            .settle_work(&first, WorkOutcome::<OrderEffect>::Done(None))
            .await,
    );
    assert!(lease(&h, "a", 1).await.is_empty());
    h.clock.advance_ms(50);
    assert_eq!(lease(&h, "a", 1).await[0].attempts, 2);
}

pub(super) async fn the_result_of_work_is_written_with_it_or_not_at_all(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let mut with_work = h.command(&h.order(id).await, &Command::AddNote);
    with_work.work = vec![NewWork {
        order_id: Some(id),
        ..piece(&h, "a", 0)
    }];
    h.write_changes(vec![with_work])
        .await
        .remove(0)
        .expect("no other write came first");
    let leased = lease(&h, "a", 1).await.remove(0);
    assert_eq!(
        (leased.order_id, leased.tenant.as_str()),
        (Some(id), "default")
    );
    let late = h.command(&h.order(id).await, &Command::AddNote);
    h.done(id, &Command::AddNote).await;
    let refused = h
        .store
        .settle_work(&leased, WorkOutcome::Done(Some(late)))
        .await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(h.store.stats().await.expect("read").work, 1);
    let right = h.command(&h.order(id).await, &Command::AddNote);
    h.store
        .settle_work(&leased, WorkOutcome::Done(Some(right)))
        .await
        .expect("settled");
    assert_eq!(
        (
            h.order(id).await.version,
            h.store.stats().await.expect("read").work
        ),
        (5, 0)
    );
}

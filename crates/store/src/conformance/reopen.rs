//! Closing and opening again: all data are there, and no number or position is given twice.

use super::Harness;
use super::story::Story;
use crate::error::Error;
use crate::model::{Accepted, OrderRecord};
use waybill_domain::text::Tenant;

fn shown(record: &OrderRecord) -> String {
    format!("{record:?}")
}

pub(super) async fn everything_is_there_after_a_reopen(h: Harness) {
    let mut story = Story::new(h);
    story.tell(60).await;
    let mut before = vec![];
    for id in &story.orders {
        before.push(shown(&story.h.record(*id).await));
    }
    let (log, deliveries) = (
        story.h.log().await,
        story
            .h
            .store
            .deliveries(story.orders.clone())
            .await
            .expect("read"),
    );
    let identity = story.h.store.identity().clone();
    story.h.reopen().await;
    assert_eq!(*story.h.store.identity(), identity);
    for (id, before) in story.orders.iter().zip(before) {
        assert_eq!(shown(&story.h.record(*id).await), before);
    }
    assert_eq!(
        (
            story.h.log().await,
            story
                .h
                .store
                .deliveries(story.orders.clone())
                .await
                .expect("read")
        ),
        (log, deliveries)
    );
    story.tell(60).await;
    assert_eq!(story.h.findings().await, [""; 0]);
}

pub(super) async fn numbers_and_positions_are_never_given_twice(mut h: Harness) {
    h.put("A", 1_000).await;
    let (mut numbers, mut positions) = (vec![], vec![]);
    for _ in 0..4 {
        for _ in 0..3 {
            let id = h.make.order(&[("A", 1)]);
            let Ok(Accepted::Created { number, .. }) = h.accept_one(id).await else {
                panic!("not created")
            };
            numbers.push(number);
        }
        positions.push(h.log().await.last().expect("events").position);
        h.reopen().await;
    }
    assert!(numbers.windows(2).all(|w| w[0] < w[1]), "{numbers:?}");
    assert!(positions.windows(2).all(|w| w[0] < w[1]), "{positions:?}");
}

pub(super) async fn a_position_is_not_given_again_though_its_event_is_gone(mut h: Harness) {
    let id = h.sold("A", 9, 1).await;
    let newest = h.log().await.last().expect("events").position;
    h.store.close().await;
    h.driver.damage("DELETE FROM events").await;
    h.reopen().await;
    h.created(h.make.order(&[("A", 1)])).await;
    assert!(h.log().await.iter().all(|e| e.position > newest));
    assert!(h.events_of(id).await.is_empty());
}

pub(super) async fn claims_cursors_and_parked_events_outlive_the_process(mut h: Harness) {
    h.put("A", 9).await;
    let first = h.make.order(&[("A", 1)]);
    h.created(first.clone()).await;
    let event = h.events_of(first.id).await.remove(0);
    let (lease, from) = h.lease("status").await;
    let mut batch = Harness::batch(&lease, from, 3);
    batch.park = vec![h.parking(&event, Some("no"), 0)];
    h.store.apply_batch(batch).await.expect("parked");
    h.reopen().await;
    assert!(
        matches!(h.accept_one(h.make.again(&first)).await, Ok(Accepted::Replayed { order_id }) if order_id == first.id)
    );
    let (taken, cursor) = h.lease("status").await;
    assert_eq!((taken.epoch, cursor), (lease.epoch + 1, 3));
    let mut late = Harness::batch(&taken, 3, 4);
    late.changes = vec![h.command(
        &h.order(first.id).await,
        &waybill_domain::command::Command::AddNote,
    )];
    let refused = h.store.apply_batch(late).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "it is parked still: {refused:?}"
    );
}

pub(super) async fn a_closed_store_says_so(h: Harness) {
    let order = h.make.order(&[("A", 1)]);
    h.store.close().await;
    assert!(matches!(
        h.store.accept(vec![order.into()]).await,
        Err(Error::Unavailable { .. })
    ));
    assert!(matches!(
        h.store.stock(&Tenant::default(), vec![], None, 1).await,
        Err(Error::Unavailable { .. })
    ));
    h.store.close().await;
}

pub(super) async fn closing_finishes_what_was_submitted(mut h: Harness) {
    h.put("A", 1_000).await;
    let orders: Vec<_> = (0..40).map(|_| h.make.order(&[("A", 1)])).collect();
    let mut waiting: Vec<_> = orders
        .iter()
        .map(|o| Box::pin(h.store.accept(vec![o.clone().into()])))
        .collect();
    // Polled once, so that each job is in the queue.
    for submitted in &mut waiting {
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(submitted.as_mut().poll(cx))).await;
        assert!(!matches!(polled, std::task::Poll::Ready(Err(_))));
        if polled.is_ready() {
            *submitted = Box::pin(h.store.accept(vec![]));
        }
    }
    h.store.close().await;
    drop(waiting);
    h.reopen().await;
    let found = h
        .store
        .orders(orders.iter().map(|o| o.id).collect())
        .await
        .expect("read");
    assert_eq!(found.len(), 40);
    assert_eq!(h.findings().await, [""; 0]);
}

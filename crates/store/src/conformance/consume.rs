//! A consumer's batch: the store loads its rows, runs its decision and writes effects and cursor together, or nothing.

use super::Harness;
use crate::consume::{BatchDecision, Known};
use crate::error::Error;
use crate::model::{ConsumerBatch, Lease};
use crate::traits::Effect;
use parking_lot::Mutex;
use std::sync::Arc;
use waybill_domain::change::{DeliveryEffect, OrderEffect};
use waybill_domain::command::Command;
use waybill_domain::ids::OrderId;

/// A decision that records the rows it was given and returns a prepared batch.
struct Prepared<E: Effect> {
    orders: Vec<OrderId>,
    wants: ConsumerBatch<E>,
    given: Mutex<Vec<Known<E>>>,
}

impl<E: Effect> Prepared<E> {
    fn new(orders: &[OrderId], wants: ConsumerBatch<E>) -> Arc<Self> {
        Arc::new(Self {
            orders: orders.to_vec(),
            wants,
            given: Mutex::default(),
        })
    }

    fn last_given(&self) -> Known<E> {
        self.given.lock().last().cloned().expect("it was asked")
    }
}

impl<E: Effect> BatchDecision<E> for Prepared<E> {
    fn consumer(&self) -> &str {
        &self.wants.lease.consumer
    }

    fn needs(&self) -> Vec<OrderId> {
        self.orders.clone()
    }

    fn order_ids(&self) -> Vec<OrderId> {
        self.orders.clone()
    }

    fn may_be_parked(&self) -> bool {
        true
    }

    fn decide(&self, known: &Known<E>) -> ConsumerBatch<E> {
        self.given.lock().push(known.clone());
        self.wants.clone()
    }
}

/// A decision with a defect.
struct Defective {
    lease: Lease,
    orders: Vec<OrderId>,
}

impl BatchDecision<OrderEffect> for Defective {
    fn consumer(&self) -> &str {
        &self.lease.consumer
    }

    fn needs(&self) -> Vec<OrderId> {
        self.orders.clone()
    }

    fn order_ids(&self) -> Vec<OrderId> {
        self.orders.clone()
    }

    fn may_be_parked(&self) -> bool {
        true
    }

    fn decide(&self, _: &Known<OrderEffect>) -> ConsumerBatch<OrderEffect> {
        panic!("a planted defect of a decision")
    }
}

async fn noting(h: &Harness, lease: &Lease, from: i64, id: OrderId) -> ConsumerBatch<OrderEffect> {
    let mut wants = Harness::batch(lease, from, from + 2);
    wants.changes = vec![h.command(&h.order(id).await, &Command::AddNote)];
    wants
}

async fn cursor(h: &Harness, consumer: &str) -> i64 {
    h.lease(consumer).await.1
}

pub(super) async fn a_batch_is_decided_on_the_rows_it_asks_for_and_written_with_the_cursor(
    h: Harness,
) {
    let id = h.sold("A", 5, 1).await;
    h.shipped_off(id).await;
    let stranger = OrderId(h.make.id());
    let (lease, from) = h.lease("status").await;
    let decision = Prepared::new(&[id, stranger], noting(&h, &lease, from, id).await);
    let before = h.order(id).await;
    let consumed = h.store.consume(decision.clone()).await.expect("consumed");
    assert_eq!((consumed.changes, consumed.parked.len()), (1, 0));
    let known = decision.last_given();
    assert_eq!(known.rows, std::slice::from_ref(&before));
    assert!(known.parked.is_empty());
    assert_eq!(h.order(id).await.version, before.version + 1);
    assert_eq!(cursor(&h, "status").await, from + 2);

    let (lease, from) = h.lease("delivery").await;
    let wants = ConsumerBatch::<DeliveryEffect> {
        lease,
        from,
        to: from + 2,
        changes: vec![],
        park: vec![],
    };
    let decision = Prepared::new(&[id, stranger], wants);
    h.store.consume(decision.clone()).await.expect("consumed");
    let known = decision.last_given().rows;
    let found = known.iter().find(|(of, _, _)| *of == id);
    let (_, delivery, shipments) = found.expect("its delivery is known");
    assert!(delivery.is_some() && shipments.len() == 1, "{shipments:?}");
    assert_eq!(cursor(&h, "delivery").await, from + 2);
    h.assert_listener_got_the_log().await;
}

pub(super) async fn a_batch_that_was_decided_on_an_older_version_changes_nothing(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let (lease, from) = h.lease("status").await;
    let stale = noting(&h, &lease, from, id).await;
    h.done(id, &Command::AddNote).await;
    let version = h.order(id).await.version;
    let refused = h.store.consume(Prepared::new(&[id], stale)).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(h.order(id).await.version, version);
    assert_eq!(cursor(&h, "status").await, from);
}

pub(super) async fn a_decision_learns_which_of_its_orders_are_parked(h: Harness) {
    let (one, two) = (h.sold("A", 5, 1).await, h.sold("B", 5, 1).await);
    let (lease, from) = h.lease("status").await;
    let events = h.events_of(one).await;
    let mut parking = Harness::batch(&lease, from, from + 1);
    parking.park = vec![h.parking(&events[0], Some("it cannot be read"), 100)];
    h.store.apply_batch(parking).await.expect("parked");
    let mut wants = noting(&h, &lease, from + 1, two).await;
    wants.park = vec![h.parking(&events[1], None, 100)];
    let decision = Prepared::new(&[one, two], wants);
    let consumed = h.store.consume(decision.clone()).await.expect("consumed");
    assert_eq!((consumed.changes, consumed.parked.len()), (1, 1));
    assert_eq!(decision.last_given().parked, [one]);
    let (_, other) = h.lease("other").await;
    assert_eq!(other, 0, "another consumer has parked nothing");
}

pub(super) async fn a_batch_under_a_lease_that_was_lost_changes_nothing(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let (lost, from) = h.lease("status").await;
    let version = h.order(id).await.version;
    let late = Prepared::new(&[id], noting(&h, &lost, from, id).await);
    h.lease("status").await;
    let refused = h.store.consume(late).await;
    assert!(matches!(refused, Err(Error::Fenced { .. })), "{refused:?}");
    assert_eq!(h.order(id).await.version, version);
}

pub(super) async fn a_decision_that_panics_is_an_error_of_its_events_and_the_next_one_is_made(
    h: Harness,
) {
    let id = h.sold("A", 5, 1).await;
    let (lease, from) = h.lease("status").await;
    let orders = vec![id];
    let defective = Arc::new(Defective {
        lease: lease.clone(),
        orders,
    });
    let refused = h.store.consume(defective).await;
    assert!(refused.as_ref().is_err_and(Error::is_poison), "{refused:?}");
    let sound = Prepared::new(&[id], noting(&h, &lease, from, id).await);
    h.store.consume(sound).await.expect("consumed");
    assert_eq!(cursor(&h, "status").await, from + 2);
}

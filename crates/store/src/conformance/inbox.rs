//! Events of other stores: each is taken once, with its effect, in the order of its aggregate.

use super::Harness;
use crate::error::{Error, Result};
use crate::model::{Advance, InboxBatch, InboxSource, Lease};
use crate::traits::EffectStore;
use waybill_domain::change::OrderEffect;
use waybill_domain::command::Command;
use waybill_domain::event::{Aggregate, AggregateKind};
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::{Seen, Watermark};

const CONSUMER: &str = "status-inbox";

/// A store that takes events of another one, and an order that they are about.
struct Inbox {
    h: Harness,
    id: OrderId,
    source: InboxSource,
    aggregate: Aggregate,
}

fn mark(seq: i64) -> Watermark {
    Watermark { generation: 1, seq }
}

fn no_gap(mark: Watermark) -> Seen {
    Seen { mark, gaps: 0 }
}

async fn source(h: &Harness, consumer: &str, generation: &str) -> InboxSource {
    let source = h.store.inbox_source(consumer, "other", generation).await;
    source.expect("the source is recorded")
}

async fn inbox(h: Harness) -> Inbox {
    let id = h.sold("A", 50, 1).await;
    let source = source(&h, CONSUMER, "g1").await;
    let aggregate = Aggregate {
        kind: AggregateKind::Shipment,
        id: h.make.id(),
    };
    Inbox {
        h,
        id,
        source,
        aggregate,
    }
}

impl Inbox {
    /// A batch that takes the aggregate's events up to `to`, without an effect.
    async fn batch(&self, from: Option<Watermark>, to: Watermark) -> InboxBatch<OrderEffect> {
        InboxBatch {
            consumer: CONSUMER.into(),
            source: self.source.id,
            partition: self.h.order(self.id).await.partition,
            advances: vec![Advance {
                aggregate: self.aggregate,
                from: from.map(no_gap),
                to: no_gap(to),
            }],
            hold: vec![],
            release: vec![],
            discarded: vec![],
            changes: vec![],
            park: vec![],
            personal: vec![],
        }
    }

    /// The same with an effect on the order: a note.
    async fn noting(&self, from: Option<Watermark>, to: Watermark) -> InboxBatch<OrderEffect> {
        let mut batch = self.batch(from, to).await;
        let order = self.h.order(self.id).await;
        batch.changes = vec![self.h.command(&order, &Command::AddNote)];
        batch
    }

    async fn receive(&self, batch: InboxBatch<OrderEffect>) -> Result<()> {
        self.h.store.receive(batch).await
    }

    async fn seen(&self) -> Option<Watermark> {
        let aggregates = vec![self.aggregate];
        let seen = self.h.store.watermarks(self.source.id, aggregates).await;
        let seen = seen.expect("watermarks are read");
        assert!(seen.iter().all(|(of, _)| *of == self.aggregate), "{seen:?}");
        seen.first().map(|(_, seen)| seen.mark)
    }

    async fn version(&self) -> i64 {
        self.h.order(self.id).await.version
    }
}

fn is_conflict(result: &Result<()>) -> bool {
    matches!(result, Err(Error::Conflict { .. }))
}

pub(super) async fn the_first_generation_of_a_source_is_adopted_and_a_later_one_waits(h: Harness) {
    let first = source(&h, CONSUMER, "g1").await;
    assert_eq!(first.generation, Some(1));
    let later = source(&h, CONSUMER, "g2").await;
    assert_eq!((later.id, later.generation), (first.id, None));
    assert_eq!(source(&h, CONSUMER, "g1").await, first);
    let other = source(&h, "delivery-inbox", "g2").await;
    assert_eq!(other.generation, Some(1), "each consumer has its own");
    assert_ne!(other.id, first.id);
    let adopted = h.store.adopt_generation("other", "g2").await;
    assert_eq!(adopted.expect("adopted"), 1);
    assert_eq!(source(&h, CONSUMER, "g2").await.generation, Some(2));
    let again = h.store.adopt_generation("other", "g2").await;
    assert_eq!(again.expect("nothing waits"), 0);
    let seen = h.store.inbox_generations().await.expect("they are read");
    let seen: Vec<_> = seen
        .iter()
        .map(|g| (&*g.consumer, &*g.store_id, &*g.generation, g.number))
        .collect();
    let expected = [
        ("delivery-inbox", "other", "g2", Some(1)),
        (CONSUMER, "other", "g1", Some(1)),
        (CONSUMER, "other", "g2", Some(2)),
    ];
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(expected.iter().all(|e| seen.contains(e)), "{seen:?}");
}

pub(super) async fn processes_that_see_a_source_at_once_record_it_once(h: Harness) {
    let tries = (0..6).map(|_| h.store.inbox_source(CONSUMER, "other", "g1"));
    let seen = futures::future::join_all(tries).await;
    let first = seen[0].as_ref().expect("recorded").clone();
    for source in seen {
        assert_eq!(source.expect("recorded"), first);
    }
    assert_eq!(h.store.inbox_generations().await.expect("read").len(), 1);
}

pub(super) async fn an_event_is_taken_with_its_effect_and_not_again(h: Harness) {
    let inbox = inbox(h).await;
    assert_eq!(inbox.seen().await, None);
    let (version, events) = (inbox.version().await, inbox.h.log().await.len());
    let batch = inbox.noting(None, mark(1)).await;
    inbox.receive(batch.clone()).await.expect("taken");
    assert_eq!(inbox.seen().await, Some(mark(1)));
    assert_eq!(inbox.version().await, version + 1);
    assert_eq!(inbox.h.log().await.len(), events + 1);
    let again = inbox.receive(batch).await;
    assert!(is_conflict(&again), "{again:?}");
    let stale = inbox.noting(None, mark(1)).await;
    let again = inbox.receive(stale).await;
    assert!(is_conflict(&again), "{again:?}");
    assert_eq!(inbox.version().await, version + 1);
    let next = inbox.noting(Some(mark(1)), mark(3)).await;
    inbox.receive(next).await.expect("taken");
    assert_eq!(inbox.seen().await, Some(mark(3)));
    inbox.h.assert_listener_got_the_log().await;
}

pub(super) async fn a_watermark_stays_when_its_effect_is_refused(h: Harness) {
    let inbox = inbox(h).await;
    let stale = inbox.noting(None, mark(1)).await;
    let order = inbox.h.order(inbox.id).await;
    let note = inbox.h.command(&order, &Command::AddNote);
    let noted = inbox.h.store.write_changes(vec![note], None).await;
    noted.expect("written").remove(0).expect("noted");
    let refused = inbox.receive(stale).await;
    assert!(is_conflict(&refused), "{refused:?}");
    assert_eq!(inbox.seen().await, None);
    let fresh = inbox.noting(None, mark(1)).await;
    inbox.receive(fresh).await.expect("taken");
}

pub(super) async fn of_processes_that_take_an_event_at_once_one_does(h: Harness) {
    let inbox = inbox(h).await;
    for from in [None, Some(mark(1))] {
        let to = mark(from.map_or(1, |from| from.seq + 1));
        let batch = inbox.batch(from, to).await;
        let tries = (0..6).map(|_| inbox.receive(batch.clone()));
        let results = futures::future::join_all(tries).await;
        let taken = results.iter().filter(|r| r.is_ok()).count();
        assert_eq!(taken, 1, "{results:?}");
        assert!(results.iter().all(|r| r.is_ok() || is_conflict(r)));
        assert_eq!(inbox.seen().await, Some(to));
    }
}

pub(super) async fn a_generation_that_was_adopted_goes_on_under_its_number(h: Harness) {
    let inbox = inbox(h).await;
    let batch = inbox.batch(None, mark(4)).await;
    inbox.receive(batch).await.expect("taken");
    let to = Watermark {
        generation: 2,
        seq: 3,
    };
    let batch = inbox.noting(Some(mark(4)), to).await;
    inbox.receive(batch).await.expect("taken");
    assert_eq!(inbox.seen().await, Some(to));
    let late = inbox.noting(Some(mark(4)), mark(5)).await;
    let late = inbox.receive(late).await;
    assert!(is_conflict(&late), "{late:?}");
}

pub(super) async fn an_order_parked_by_an_event_queues_the_later_ones_as_they_come(h: Harness) {
    let inbox = inbox(h).await;
    let events = inbox.h.events_of(inbox.id).await;
    let mut batch = inbox.batch(None, mark(2)).await;
    // Both say the same position, as events of two stores may; the store gives them places of its own.
    batch.park = vec![
        inbox.h.parking(&events[1], Some("it cannot be applied"), 0),
        inbox.h.parking(&events[0], None, 0),
    ];
    for parked in &mut batch.park {
        parked.event.position = 7;
    }
    let partition = batch.partition;
    inbox.receive(batch).await.expect("taken");
    let mut more = inbox.batch(Some(mark(2)), mark(3)).await;
    more.park = vec![inbox.h.parking(&events[1], None, 0)];
    inbox.receive(more).await.expect("taken");
    let change = inbox.noting(Some(mark(3)), mark(4)).await;
    let refused = inbox.receive(change).await;
    assert!(is_conflict(&refused), "the order is parked: {refused:?}");
    assert_eq!(inbox.seen().await, Some(mark(3)));
    let (lease, _) = taken(&inbox.h, partition).await;
    for expected in [&events[1], &events[0], &events[1]] {
        let now = inbox.h.clock.now();
        let due = inbox.h.store.due_parked(CONSUMER, partition, now, 10).await;
        let due = due.expect("read").remove(0);
        assert_eq!(due.event.as_ref().expect("whole").event, expected.event);
        let settled = EffectStore::<OrderEffect>::settle_parked(
            &*inbox.h.store,
            lease.clone(),
            inbox.id,
            due.position,
            crate::model::ParkedOutcome::Applied(None),
        );
        settled.await.expect("settled");
    }
    let change = inbox.noting(Some(mark(3)), mark(4)).await;
    inbox.receive(change).await.expect("nothing is parked");
}

async fn taken(h: &Harness, partition: u16) -> (Lease, i64) {
    let (now, until) = (h.clock.now(), h.clock.now().plus_ms(60_000));
    let lease = h.store.take_lease(CONSUMER, partition, "me", now, until);
    lease.await.expect("leases work").expect("it is free")
}

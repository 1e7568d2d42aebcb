//! Messages of other stores that wait: events ahead of their watermark, and messages that cannot be read.

use super::Harness;
use crate::error::{Error, Result};
use crate::model::{Advance, Flag, FlaggedRow, Held, HeldId, HeldPlace, InboxBatch, NewHeld};
use uuid::Uuid;
use waybill_domain::change::OrderEffect;
use waybill_domain::event::{Aggregate, AggregateKind};
use waybill_domain::ids::OrderId;
use waybill_domain::inbox::{HeldReason, Seen, Watermark};
use waybill_domain::parked::ParkedState;
use waybill_domain::parked_place::ParkedPlace;
use waybill_domain::text::Tenant;

const CONSUMER: &str = "status-inbox";

/// A store that takes events of another one.
struct Waiting {
    h: Harness,
    source: i32,
    aggregate: Aggregate,
    key: OrderId,
}

fn seen(seq: i64, gaps: u32) -> Seen {
    let mark = Watermark { generation: 1, seq };
    Seen { mark, gaps }
}

async fn waiting(h: Harness) -> Waiting {
    let source = h.store.inbox_source(CONSUMER, "other", "g1").await;
    let aggregate = Aggregate {
        kind: AggregateKind::Shipment,
        id: h.make.id(),
    };
    let key = OrderId(h.make.id());
    Waiting {
        source: source.expect("the source is recorded").id,
        h,
        aggregate,
        key,
    }
}

impl Waiting {
    fn event(&self, seq: i64) -> NewHeld {
        let message = Uuid::from_u128(self.aggregate.id.as_u128().wrapping_add(seq as u128));
        NewHeld {
            id: HeldId {
                key: self.key,
                message,
            },
            tenant: Tenant::default(),
            reason: HeldReason::Gap,
            place: Some(HeldPlace {
                source: self.source,
                aggregate: self.aggregate,
                at: seen(seq, 0).mark,
            }),
            content: format!("event {seq}"),
            error: "others have not come".into(),
        }
    }

    fn unreadable(&self, key: OrderId, tenant: &Tenant) -> NewHeld {
        NewHeld {
            id: HeldId {
                key,
                message: self.h.make.id(),
            },
            tenant: tenant.clone(),
            reason: HeldReason::Unreadable,
            place: None,
            content: "?".into(),
            error: "it is no CloudEvent".into(),
        }
    }

    async fn receive(
        &self,
        (from, to): (Option<Seen>, Seen),
        hold: Vec<NewHeld>,
        release: Vec<HeldId>,
    ) -> Result<()> {
        let batch = InboxBatch::<OrderEffect> {
            consumer: CONSUMER.into(),
            source: self.source,
            partition: 0,
            advances: vec![Advance {
                aggregate: self.aggregate,
                from,
                to,
            }],
            hold,
            release,
            discarded: vec![],
            changes: vec![],
            park: vec![],
            personal: vec![],
        };
        self.h.store.receive(batch).await
    }

    async fn watermark(&self) -> Option<Seen> {
        let of = vec![self.aggregate];
        let found = self.h.store.watermarks(self.source, of).await;
        found.expect("read").first().map(|(_, seen)| *seen)
    }

    async fn waiting(&self) -> Vec<Held> {
        let of = vec![self.aggregate];
        self.h.store.waiting(self.source, of).await.expect("read")
    }

    async fn count(&self, reason: HeldReason, up_to: usize) -> usize {
        let counted = self.h.store.count_held(CONSUMER, reason, up_to).await;
        counted.expect("counted")
    }

    async fn due(&self) -> Vec<Held> {
        self.h.store.due_held(CONSUMER, 0, 10).await.expect("read")
    }
}

fn is_conflict(result: &Result<()>) -> bool {
    matches!(result, Err(Error::Conflict { .. }))
}

pub(super) async fn an_event_waits_until_it_is_taken_with_the_missing_one(h: Harness) {
    let mut w = waiting(h).await;
    let [second, third] = [w.event(2), w.event(3)];
    let held = w.receive((None, seen(0, 1)), vec![third.clone()], vec![]);
    held.await.expect("it waits");
    let from = Some(seen(0, 1));
    let held = w.receive((from, seen(0, 2)), vec![second.clone()], vec![]);
    held.await.expect("it waits");
    w.h.reopen().await;
    let mut found = w.waiting().await;
    found.sort_by_key(|held| held.message.place.map(|place| place.at));
    let messages: Vec<&NewHeld> = found.iter().map(|held| &held.message).collect();
    assert_eq!(messages, [&second, &third]);
    let first = &found[0];
    assert_eq!((first.state, first.attempts), (ParkedState::Waiting, 0));
    assert_eq!(first.first_at, w.h.clock.now());
    assert_eq!(w.count(HeldReason::Gap, 10).await, 2);
    assert_eq!(w.count(HeldReason::Gap, 1).await, 1, "up to the limit");
    assert_eq!(w.count(HeldReason::Unreadable, 10).await, 0);
    let both = vec![second.id, third.id];
    let taken = w.receive((Some(seen(0, 2)), seen(3, 0)), vec![], both);
    taken.await.expect("taken");
    assert_eq!(w.watermark().await, Some(seen(3, 0)));
    assert_eq!(w.waiting().await, []);
}

pub(super) async fn letting_an_event_wait_and_taking_the_missing_one_do_not_miss_each_other(
    h: Harness,
) {
    let w = waiting(h).await;
    for from in [None, Some(seen(1, 0))] {
        let next = from.map_or(1, |from| from.mark.seq + 1);
        let waits = from.map_or(seen(0, 1), |from| Seen { gaps: 1, ..from });
        let event = w.event(next + 1);
        let (held, taken) = tokio::join!(
            w.receive((from, waits), vec![event.clone()], vec![]),
            w.receive((from, seen(next, 0)), vec![], vec![]),
        );
        assert!(held.is_ok() != taken.is_ok(), "{held:?} {taken:?}");
        assert!(is_conflict(&held) || is_conflict(&taken));
        if held.is_ok() {
            // What the one that lost decides now.
            let again = w.receive((Some(waits), seen(next + 1, 0)), vec![], vec![event.id]);
            again.await.expect("taken with the one that waits");
        }
        assert_eq!(w.waiting().await, []);
        let to = seen(1, 0);
        let from = w.watermark().await;
        w.receive((from, to), vec![], vec![]).await.expect("set");
    }
}

pub(super) async fn an_event_is_due_once_its_watermark_has_come_up_to_it(h: Harness) {
    let w = waiting(h).await;
    let third = w.event(3);
    let held = w.receive((None, seen(0, 1)), vec![third.clone()], vec![]);
    held.await.expect("it waits");
    assert_eq!(w.due().await, []);
    // A binary that knows no gaps takes the missing ones and leaves this one.
    let moved = w.receive((Some(seen(0, 1)), seen(2, 1)), vec![], vec![]);
    moved.await.expect("moved");
    let due = w.due().await;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].message, third);
    let other = w.h.store.due_held(CONSUMER, 1, 10).await.expect("read");
    assert_eq!(other, [], "another partition's");
    let dropped = w.h.store.drop_held(CONSUMER, third.id).await;
    dropped.expect("dropped");
    assert_eq!(w.due().await, []);
}

pub(super) async fn messages_that_wait_are_listed_one_per_key_for_their_tenant(h: Harness) {
    let w = waiting(h).await;
    let tenant = Tenant::default();
    let other = Tenant::parse("other").expect("a tenant");
    let held = w.receive((None, seen(0, 1)), vec![w.event(3)], vec![]);
    held.await.expect("it waits");
    let of_same_key = w.unreadable(w.key, &tenant);
    let of_others = w.unreadable(OrderId(w.h.make.id()), &other);
    let mut all = vec![of_same_key.clone()];
    for _ in 0..4 {
        all.push(w.unreadable(OrderId(w.h.make.id()), &tenant));
    }
    for message in all.iter().chain([&of_others]) {
        for _ in 0..2 {
            let held = w.h.store.hold(CONSUMER, 0, message.clone()).await;
            held.expect("it waits, once");
        }
    }
    assert_eq!(w.count(HeldReason::Unreadable, 10).await, 6);
    all.sort_by_key(|message| message.id.key);
    let mut after: Option<ParkedPlace> = None;
    for pair in all.chunks(2) {
        let page = w.h.store.list_held(&tenant, after, 2).await.expect("read");
        let found: Vec<NewHeld> = page.items.into_iter().map(|held| held.message).collect();
        assert_eq!(
            found, pair,
            "what cannot be read comes before what waits for it"
        );
        after = page.next;
    }
    assert_eq!(after, None);
    let page = w.h.store.list_held(&other, None, 10).await.expect("read");
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].message, of_others);
}

pub(super) async fn messages_of_two_tenants_with_one_key_are_listed_for_both(h: Harness) {
    let w = waiting(h).await;
    // A message that cannot be read may not say its tenant; it is kept for the default one.
    let unreadable = w.unreadable(w.key, &Tenant::default());
    let held = w.h.store.hold(CONSUMER, 0, unreadable.clone()).await;
    held.expect("it waits");
    let other = Tenant::parse("other").expect("a tenant");
    let gap = NewHeld {
        tenant: other.clone(),
        ..w.event(3)
    };
    let held = w.receive((None, seen(0, 1)), vec![gap.clone()], vec![]);
    held.await.expect("it waits");
    for (tenant, message) in [(Tenant::default(), unreadable), (other, gap)] {
        let page = w.h.store.list_held(&tenant, None, 10).await.expect("read");
        let found: Vec<NewHeld> = page.items.into_iter().map(|held| held.message).collect();
        assert_eq!(found, [message], "{tenant}");
    }
}

pub(super) async fn a_message_that_waits_is_flagged_and_a_vain_try_takes_no_discard_back(
    h: Harness,
) {
    let w = waiting(h).await;
    let message = w.unreadable(w.key, &Tenant::default());
    let held = w.h.store.hold(CONSUMER, 0, message.clone()).await;
    held.expect("it waits");
    let flag = |tenant: &str, state| {
        let flag = Flag {
            consumer: CONSUMER.into(),
            order: w.key,
            row: FlaggedRow::Held(message.id.message),
            state,
            claim: None,
        };
        let (store, tenant) = (&w.h.store, Tenant::parse(tenant).expect("a tenant"));
        async move { store.flag_parked(&tenant, flag).await.expect("flagged") }
    };
    assert_eq!(w.due().await, []);
    assert!(!flag("other", ParkedState::Redrive).await);
    assert!(flag("default", ParkedState::Redrive).await);
    let due = w.due().await;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].state, ParkedState::Redrive);
    w.h.clock.advance_ms(5);
    let failed = w.h.store.held_failed(due[0].clone(), "no better").await;
    failed.expect("recorded");
    assert_eq!(w.due().await, [], "it waits on");
    let tenant = Tenant::default();
    let listed = w.h.store.list_held(&tenant, None, 10).await.expect("read");
    let tried = &listed.items[0];
    let told = (tried.attempts, tried.message.error.as_str(), tried.last_at);
    assert_eq!(told, (1, "no better", w.h.clock.now()));
    assert!(flag("default", ParkedState::Discard).await);
    let late = w.h.store.held_failed(due[0].clone(), "late").await;
    late.expect("it does nothing");
    assert_eq!(w.due().await[0].state, ParkedState::Discard);
}

//! Events that could not be applied: in order per order, tried again, redriven or discarded.

use super::Harness;
use crate::error::Error;
use crate::model::{Flag, FlaggedRow, Lease, Parked, ParkedOutcome};
use waybill_domain::change::OrderEffect;
use waybill_domain::command::Command;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::once::CommandClaim;
use waybill_domain::parked::{NextTry, ParkedState};
use waybill_domain::text::Tenant;

struct Stuck {
    h: Harness,
    lease: Lease,
    id: OrderId,
    events: Vec<LoggedEvent>,
}

/// An order whose two first events are parked; the first is due in a second.
async fn stuck(h: Harness) -> Stuck {
    let id = h.sold("A", 50, 1).await;
    let events = h.events_of(id).await;
    let (lease, from) = h.lease("status").await;
    let mut batch = Harness::batch(&lease, from, events[1].position);
    batch.park = vec![
        h.parking(&events[0], Some("its order is unknown"), 1_000),
        h.parking(&events[1], None, 0),
    ];
    h.store.apply_batch(batch).await.expect("parked");
    Stuck {
        h,
        lease,
        id,
        events,
    }
}

impl Stuck {
    async fn due(&self) -> Vec<Parked> {
        self.h
            .store
            .due_parked("status", 0, self.h.clock.now(), 10)
            .await
            .expect("read")
    }

    async fn settle(&self, at: usize, outcome: ParkedOutcome<OrderEffect>) -> crate::Result<()> {
        self.h
            .store
            .settle_parked(
                self.lease.clone(),
                self.id,
                self.events[at].position,
                outcome,
            )
            .await
    }

    async fn failed(&self, next: NextTry) {
        let outcome = ParkedOutcome::Failed {
            error: "again".into(),
            next,
        };
        self.settle(0, outcome).await.expect("settled");
    }

    fn again_in(&self, ms: i64) -> NextTry {
        NextTry::At(self.h.make.in_ms(ms))
    }

    async fn flag(&self, at: usize, state: ParkedState) -> bool {
        let flagged = self
            .h
            .store
            .flag_parked(&Tenant::default(), self.flag_of(at, state, None))
            .await;
        flagged.expect("runs")
    }

    fn flag_of(&self, at: usize, state: ParkedState, claim: Option<CommandClaim>) -> Flag {
        Flag {
            consumer: "status".into(),
            order: self.id,
            row: FlaggedRow::Parked(self.events[at].position),
            state,
            claim,
        }
    }

    async fn listed(&self) -> Vec<Parked> {
        self.h
            .store
            .list_parked(&Tenant::default(), None, 10)
            .await
            .expect("read")
            .items
    }

    async fn is_parked(&self) -> bool {
        !self
            .h
            .store
            .parked_orders("status", vec![self.id])
            .await
            .expect("read")
            .is_empty()
    }
}

pub(super) async fn a_parked_event_is_due_when_its_time_has_come_and_whole(h: Harness) {
    let s = stuck(h).await;
    assert!(s.due().await.is_empty());
    s.h.clock.advance_ms(999);
    assert!(s.due().await.is_empty());
    let parked_at = s.h.make.in_ms(-999);
    s.h.clock.advance_ms(1);
    let due = s.due().await;
    assert_eq!(due.len(), 1, "what came after waits behind it");
    assert_eq!(due[0].event, Ok(s.events[0].clone()), "the whole envelope");
    assert_eq!(
        (due[0].attempts, due[0].error.as_deref(), due[0].state),
        (1, Some("its order is unknown"), ParkedState::Waiting)
    );
    assert_eq!(
        (due[0].first_at, due[0].last_at, due[0].consumer.as_str()),
        (parked_at, parked_at, "status")
    );
    assert!(
        s.h.store
            .due_parked("other", 0, s.h.clock.now(), 10)
            .await
            .expect("read")
            .is_empty()
    );
}

pub(super) async fn a_failed_try_is_counted_until_none_is_left(h: Harness) {
    let s = stuck(h).await;
    s.h.clock.advance_ms(1_000);
    s.failed(s.again_in(200)).await;
    assert!(s.due().await.is_empty());
    s.h.clock.advance_ms(200);
    let due = s.due().await;
    assert_eq!(
        (due[0].attempts, due[0].error.as_deref(), due[0].last_at),
        (2, Some("again"), s.h.make.in_ms(-200))
    );
    s.failed(NextTry::NoneLeft).await;
    assert!(s.due().await.is_empty(), "the dead are not tried");
    let listed = s.listed().await;
    assert_eq!(
        (listed.len(), listed[0].state, listed[0].attempts),
        (1, ParkedState::Dead, 3)
    );
    assert_eq!(s.h.store.stats().await.expect("read").dead, 1);
}

pub(super) async fn a_flag_with_a_key_is_set_once(h: Harness) {
    let s = stuck(h).await;
    let claim = CommandClaim {
        hash: [1; 16],
        request: [2; 16],
        expires_at: s.h.make.in_ms(1_000),
        outcome: "flagged".into(),
    };
    let flag = |at, state| s.flag_of(at, state, Some(claim.clone()));
    let tenant = Tenant::default();
    let set = |flag| s.h.store.flag_parked(&tenant, flag);
    let mut nowhere = flag(0, ParkedState::Discard);
    nowhere.row = FlaggedRow::Parked(s.events[0].position + 1_000);
    assert!(!set(nowhere).await.expect("runs"), "there is no such event");
    let first = set(flag(0, ParkedState::Redrive)).await;
    assert!(first.expect("the key is free still"));
    let second = set(flag(0, ParkedState::Discard)).await;
    assert!(matches!(&second, Err(Error::KeyUsed)), "{second:?}");
    assert_eq!(s.listed().await[0].state, ParkedState::Redrive);
    let done = s.h.store.command_done(&Tenant::default(), claim.hash).await;
    let done = done.expect("read").expect("it is claimed");
    assert_eq!(done.outcome, "flagged");
}

pub(super) async fn a_dead_event_is_redriven_when_somebody_asks(h: Harness) {
    let s = stuck(h).await;
    s.failed(NextTry::NoneLeft).await;
    assert!(s.flag(0, ParkedState::Redrive).await);
    let due = s.due().await;
    assert_eq!((due.len(), due[0].state), (1, ParkedState::Redrive));
    s.failed(s.again_in(100)).await;
    assert!(
        s.due().await.is_empty(),
        "the try that failed was the one asked for"
    );
    assert_eq!(s.listed().await[0].state, ParkedState::Waiting);
    assert!(s.flag(0, ParkedState::Redrive).await);
    let change = s.h.command(&s.h.order(s.id).await, &Command::AddNote);
    s.settle(0, ParkedOutcome::Applied(Some(change)))
        .await
        .expect("settled");
    assert_eq!(
        s.h.order(s.id).await.version,
        3,
        "its effect is written with it"
    );
    assert_eq!(
        s.due().await[0].event,
        Ok(s.events[1].clone()),
        "the next of its order follows"
    );
}

pub(super) async fn an_event_is_given_up_when_somebody_asks(h: Harness) {
    let s = stuck(h).await;
    assert!(s.flag(0, ParkedState::Discard).await);
    assert_eq!(s.due().await[0].state, ParkedState::Discard);
    s.settle(0, ParkedOutcome::Discarded)
        .await
        .expect("settled");
    assert_eq!(s.due().await[0].event, Ok(s.events[1].clone()));
    assert!(
        !s.flag(0, ParkedState::Discard).await,
        "it is not there any more"
    );
}

pub(super) async fn what_a_discard_leaves_is_explained_and_nothing_else_is(mut h: Harness) {
    h.write_plain_log().await;
    let s = stuck(h).await;
    let unreadable = format!(
        "UPDATE events SET body = '{{' WHERE position = {}",
        s.events[1].position
    );
    s.h.driver.damage(&unreadable).await;
    let seen = s.h.driver.verify().await.expect("verify runs");
    assert!(!seen.findings.is_empty() && seen.explained.is_empty());
    let last = "UPDATE orders SET version = version + 7";
    s.settle(0, ParkedOutcome::Applied(None))
        .await
        .expect("settled");
    s.settle(1, ParkedOutcome::Discarded)
        .await
        .expect("settled");

    let seen = s.h.driver.verify().await.expect("verify runs");
    assert!(seen.findings.is_empty(), "{:?}", seen.findings);
    assert!(!seen.explained.is_empty());
    for explained in &seen.explained {
        let words = format!(
            "{} at position {} was discarded for consumer status at {}",
            s.events[1].event.kind,
            s.events[1].position,
            s.h.clock.now()
        );
        assert_eq!(explained.explanation, words);
    }
    s.h.driver.damage(last).await;
    let seen = s.h.findings().await;
    assert!(
        matches!(&seen[..], [one] if one.starts_with("I7") && one.contains("version")),
        "{seen:?}"
    );
}

pub(super) async fn a_discard_requested_during_a_try_stays_in_force(h: Harness) {
    let s = stuck(h).await;
    s.h.clock.advance_ms(1_000);
    assert_eq!(s.due().await[0].state, ParkedState::Waiting);
    s.flag(0, ParkedState::Discard).await;
    s.failed(s.again_in(60_000)).await;
    let due = s.due().await;
    assert_eq!(
        (due[0].state, due[0].attempts, due[0].error.as_deref()),
        (ParkedState::Discard, 2, Some("again"))
    );
    s.failed(NextTry::NoneLeft).await;
    assert_eq!(s.due().await[0].state, ParkedState::Discard);
}

pub(super) async fn an_order_is_unparked_only_when_its_queue_is_empty(h: Harness) {
    let s = stuck(h).await;
    s.settle(0, ParkedOutcome::Applied(None))
        .await
        .expect("settled");
    assert!(s.is_parked().await);
    let mut batch = Harness::batch(&s.lease, s.events[1].position, s.events[1].position + 1);
    batch.changes = vec![s.h.command(&s.h.order(s.id).await, &Command::AddNote)];
    let refused = s.h.store.apply_batch(batch.clone()).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    s.settle(1, ParkedOutcome::Applied(None))
        .await
        .expect("settled");
    assert!(!s.is_parked().await);
    s.h.store.apply_batch(batch).await.expect("it flows again");
    assert_eq!(s.h.store.stats().await.expect("read").parked, 0);
}

pub(super) async fn an_event_behind_another_is_not_settled_before_it(h: Harness) {
    let s = stuck(h).await;
    for outcome in [ParkedOutcome::Applied(None), ParkedOutcome::Discarded] {
        let refused = s.settle(1, outcome).await;
        assert!(
            matches!(refused, Err(Error::Conflict { .. })),
            "{refused:?}"
        );
    }
}

pub(super) async fn an_effect_that_conflicts_leaves_the_event_parked(h: Harness) {
    let s = stuck(h).await;
    let late = s.h.command(&s.h.order(s.id).await, &Command::AddNote);
    s.h.done(s.id, &Command::AddNote).await;
    let refused = s.settle(0, ParkedOutcome::Applied(Some(late))).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert!(s.is_parked().await);
    s.settle(0, ParkedOutcome::Applied(None))
        .await
        .expect("settled");
    let failed = ParkedOutcome::Failed {
        error: "too late".into(),
        next: NextTry::NoneLeft,
    };
    for outcome in [ParkedOutcome::Applied(None), failed] {
        let twice = s.settle(0, outcome).await;
        assert!(matches!(twice, Err(Error::Conflict { .. })), "{twice:?}");
    }
}

pub(super) async fn parking_an_event_again_changes_nothing(h: Harness) {
    let s = stuck(h).await;
    let mut batch = Harness::batch(&s.lease, s.events[1].position, s.events[1].position);
    batch.park = vec![s.h.parking(&s.events[0], Some("another reason"), 0)];
    s.h.store.apply_batch(batch).await.expect("applied");
    let listed = s.listed().await;
    assert_eq!(
        (listed[0].error.as_deref(), listed[0].attempts),
        (Some("its order is unknown"), 1)
    );
    assert_eq!(s.h.store.stats().await.expect("read").parked, 2);
}

pub(super) async fn an_event_of_no_order_is_parked_too(h: Harness) {
    h.put("A", 5).await;
    let event = h.log().await.remove(0);
    let (lease, from) = h.lease("allocation").await;
    let mut batch = Harness::batch(&lease, from, event.position);
    batch.park = vec![h.parking(&event, Some("no"), 0)];
    h.store.apply_batch(batch).await.expect("parked");
    let due = h
        .store
        .due_parked("allocation", 0, h.clock.now(), 10)
        .await
        .expect("read");
    let of = due.iter().map(|p| (p.event.clone(), p.key, p.position));
    let key = OrderId(event.event.key());
    let position = event.position;
    assert_eq!(of.collect::<Vec<_>>(), [(Ok(event), key, position)]);
    let applied = ParkedOutcome::<OrderEffect>::Applied(None);
    let settled = h.store.settle_parked(lease, key, position, applied).await;
    settled.expect("settled by the id of its row");
    assert_eq!(h.store.stats().await.expect("read").parked, 0);
}

pub(super) async fn a_damaged_envelope_is_listed_and_discarded_and_stops_no_other(h: Harness) {
    let s = stuck(h).await;
    let other = s.h.created(s.h.make.order(&[("A", 1)])).await;
    let event = s.h.events_of(other).await.remove(0);
    let mut batch = Harness::batch(&s.lease, s.events[1].position, event.position);
    batch.park = vec![s.h.parking(&event, Some("no"), 1_000)];
    s.h.store.apply_batch(batch).await.expect("parked");
    s.h.clock.advance_ms(1_000);
    let first = s.events[0].position;
    for (envelope, says) in [
        ("Rosa-Luxemburg-Str. 7", "it is not JSON"),
        ("{\"part\":0,\"position\":", "it is cut off"),
        (
            "{\"part\":\"Rosa-Luxemburg-Str. 7\"}",
            "it lacks a field, or has one that this version does not know",
        ),
    ] {
        let damage = format!("UPDATE parked SET envelope = '{envelope}' WHERE position = {first}");
        s.h.driver.damage(&damage).await;
        for read in [s.due().await, s.listed().await] {
            assert_eq!(read.len(), 2, "the other one too");
            let damaged = read.iter().find(|p| p.key == s.id).expect("listed");
            let why = damaged.event.as_ref().expect_err("damaged").to_string();
            assert!(why.contains(says), "{why}");
            assert!(!why.contains("Rosa"), "it quotes nothing: {why}");
            assert_eq!(damaged.position, first);
            assert_eq!(damaged.error.as_deref(), Some("its order is unknown"));
            let whole = read.iter().find(|p| p.key == other).expect("listed");
            assert_eq!(whole.event.as_ref(), Ok(&event));
        }
    }
    s.failed(NextTry::NoneLeft).await;
    assert!(s.flag(0, ParkedState::Discard).await);
    let discarded = s.settle(0, ParkedOutcome::Discarded).await;
    discarded.expect("settled");
    let next = s.due().await.into_iter().find(|p| p.key == s.id);
    assert_eq!(next.expect("it follows").event.as_ref(), Ok(&s.events[1]));
}

pub(super) async fn dead_letters_are_listed_in_pages_one_per_order(h: Harness) {
    h.put("A", 50).await;
    let (lease, from) = h.lease("status").await;
    let mut batch = Harness::batch(&lease, from, 100);
    let mut ids = vec![];
    for _ in 0..7 {
        let id = h.created(h.make.order(&[("A", 1)])).await;
        batch.park.extend(
            h.events_of(id)
                .await
                .iter()
                .map(|e| h.parking(e, Some("no"), 0)),
        );
        ids.push(id);
    }
    h.store.apply_batch(batch).await.expect("parked");
    let (mut listed, mut after) = (vec![], None);
    loop {
        let page = h
            .store
            .list_parked(&Tenant::default(), after, 3)
            .await
            .expect("read");
        listed.extend(
            page.items
                .iter()
                .filter_map(|p| p.event.as_ref().ok()?.event.order_id),
        );
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    listed.sort();
    assert_eq!(listed, ids);
    assert_eq!(
        h.store
            .due_parked("status", 0, h.clock.now(), 4)
            .await
            .expect("read")
            .len(),
        4
    );
}

//! The relay: a cursor without effects, the whole log, and what is kept about where it began.

use super::Harness;
use crate::error::Error;
use crate::model::{
    ConsumerBatch, Lease, NewParked, ParkedOutcome, Positions, RelayCommand, RelayFault, RelayNote,
    RelayPause, RelayStart, RelayState, Replay, ReplayProgress,
};
use crate::traits::NoRows;
use waybill_domain::command::Command;
use waybill_domain::ids::OrderId;
use waybill_domain::once::CommandClaim;
use waybill_domain::parked::NextTry;
use waybill_domain::text::Tenant;

fn batch(lease: &Lease, from: i64, to: i64, park: Vec<NewParked>) -> ConsumerBatch<NoRows> {
    ConsumerBatch {
        lease: lease.clone(),
        from,
        to,
        changes: vec![],
        park,
    }
}

pub(super) async fn a_consumer_without_rows_moves_its_cursor_parks_and_settles(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let events = h.events_of(id).await;
    let before = h.log().await;
    let (lease, from) = h.lease("relay").await;
    let park = vec![
        h.parking(&events[0], Some("too large"), 0),
        h.parking(&events[1], None, 0),
    ];
    let to = events[1].position;
    let parked = h.store.apply_batch(batch(&lease, from, to, park)).await;
    parked.expect("parked");
    let again = h.store.apply_batch(batch(&lease, from, to, vec![])).await;
    assert!(matches!(again, Err(Error::Fenced { .. })), "{again:?}");

    let due = || h.store.due_parked("relay", 0, h.clock.now(), 10);
    let settle = |position, outcome: ParkedOutcome<NoRows>| {
        h.store.settle_parked(lease.clone(), id, position, outcome)
    };
    let failed = ParkedOutcome::Failed {
        error: "still too large".into(),
        next: NextTry::At(h.clock.now()),
    };
    settle(events[0].position, failed).await.expect("settled");
    assert_eq!(due().await.expect("read")[0].attempts, 2);
    let first = settle(events[0].position, ParkedOutcome::Applied(None)).await;
    first.expect("settled");
    assert_eq!(due().await.expect("read")[0].event, Ok(events[1].clone()));
    let second = settle(events[1].position, ParkedOutcome::Discarded).await;
    second.expect("settled");
    assert!(due().await.expect("read").is_empty());

    let (next, position) = h.lease("relay").await;
    assert_eq!(position, to);
    let fenced = h.store.apply_batch(batch(&lease, to, to + 1, vec![])).await;
    assert!(matches!(fenced, Err(Error::Fenced { .. })), "{fenced:?}");
    let moved = h.store.apply_batch(batch(&next, to, to + 1, vec![])).await;
    moved.expect("the new lease moves it");
    assert_eq!(h.log().await, before, "nothing was appended");
    assert!(h.findings().await.is_empty(), "{:?}", h.findings().await);
}

pub(super) async fn every_event_is_read_up_to_the_first_that_cannot_be_read(mut h: Harness) {
    h.write_plain_log().await;
    h.put("A", 50).await;
    for _ in 0..5 {
        h.created(h.make.order(&[("A", 1)])).await;
    }
    let log: Vec<_> = h.log().await;
    let log: Vec<_> = log.into_iter().filter(|e| e.partition == 0).collect();
    let read = |after, limit| h.store.read_all(0, after, limit);
    let mut paged = vec![];
    loop {
        let after = paged
            .last()
            .map_or(0, |e: &waybill_domain::event::LoggedEvent| e.position);
        let page = read(after, 2).await.expect("readable");
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, log, "every event, those of stock too");

    let unknown = &log[log.len() - 2];
    let (position, last) = (unknown.position, log[log.len() - 3].position);
    let sql =
        format!("UPDATE events SET type = 'order.sung' WHERE part = 0 AND position = {position}");
    h.driver.damage(&sql).await;
    let readable = read(0, 1_000).await.expect("the events before it");
    assert_eq!(readable[..], log[..log.len() - 2]);
    let stopped = read(last, 1_000).await;
    let error = stopped
        .expect_err("the first one cannot be read")
        .to_string();
    assert!(error.contains("order.sung"), "{error}");
    let after = read(position, 1_000).await.expect("the one behind it");
    assert_eq!(after[..], log[log.len() - 1..]);
}

pub(super) async fn where_the_relay_began_is_decided_once(mut h: Harness) {
    h.sold("A", 50, 1).await;
    let ends = h.store.stats().await.expect("read").log_positions;
    assert!(ends.0.iter().any(|position| *position > 0));
    let began = h.store.relay_start(RelayStart::Now).await.expect("stored");
    assert_eq!(began, ends);
    h.created(h.make.order(&[("A", 1)])).await;
    for later in [RelayStart::Now, RelayStart::Beginning] {
        h.reopen().await;
        assert_eq!(h.store.relay_start(later).await.expect("read"), ends);
    }
    let damage = "UPDATE meta SET value = 'soon' WHERE key = 'relay.start'";
    h.driver.damage(damage).await;
    let damaged = h.store.relay_start(RelayStart::Now).await;
    assert!(
        matches!(damaged, Err(Error::DamagedRow { .. })),
        "{damaged:?}"
    );
    h.driver
        .damage("DELETE FROM meta WHERE key = 'relay.start'")
        .await;
    let began = h.store.relay_start(RelayStart::Beginning).await;
    let partitions = h.store.identity().partitions;
    assert_eq!(began.expect("stored"), Positions::beginning(partitions));
}

pub(super) async fn orders_that_began_before_a_position_are_told_from_those_after(h: Harness) {
    let old = h.sold("A", 50, 1).await;
    let at = h.events_of(old).await;
    let (partition, position) = (at[0].partition, at[0].position);
    let young = h.created(h.make.order(&[("A", 1)])).await;
    h.done(old, &Command::AddNote).await;
    let tenant = Tenant::default();
    let asked = |tenant: &Tenant, orders: [OrderId; 2]| {
        let orders = orders.map(|id| (tenant.clone(), id)).to_vec();
        h.store.orders_begun_by(partition, position, orders)
    };
    assert_eq!(asked(&tenant, [old, young]).await.expect("read"), [old]);
    let unknown = OrderId(h.make.id());
    assert_eq!(asked(&tenant, [unknown, young]).await.expect("read"), []);
    let before = h
        .store
        .orders_begun_by(partition, position - 1, vec![(tenant, old)]);
    assert_eq!(before.await.expect("read"), []);
    let other = Tenant::stored("other");
    assert_eq!(asked(&other, [old, young]).await.expect("read"), []);
}

fn replay(h: &Harness, after: i64, to: i64) -> Replay {
    Replay {
        id: h.make.id(),
        requested_at: h.clock.now(),
        by: "ops".into(),
        after: Positions(vec![after]),
        to: Positions(vec![to]),
        order: None,
    }
}

pub(super) async fn what_a_person_asked_of_the_relay_outlives_the_process(mut h: Harness) {
    let tenant = Tenant::default();
    let state = h.store.relay_state().await.expect("read");
    assert_eq!(state, RelayState::default(), "at first");
    let pause = RelayPause {
        since: h.clock.now(),
        by: "ops".into(),
        reason: Some("the broker moves".into()),
    };
    let replay = replay(&h, 3, 9);
    let fault = RelayFault {
        at: h.clock.now(),
        text: "refused".into(),
    };
    for command in [
        RelayCommand::Pause(pause.clone()),
        RelayCommand::Replay(replay.clone()),
    ] {
        let asked = h.store.command_relay(&tenant, command, None).await;
        asked.expect("written");
    }
    for note in [
        RelayNote::Publisher("pair".into()),
        RelayNote::Fault(fault.clone()),
    ] {
        h.store.note_relay(note).await.expect("written");
    }
    h.reopen().await;
    let state = h.store.relay_state().await.expect("read");
    let expected = RelayState {
        pause: Some(pause),
        replay: Some(replay),
        publisher: Some("pair".into()),
        last_fault: Some(fault),
        ..RelayState::default()
    };
    assert_eq!(state, expected);
    let resumed = h.store.command_relay(&tenant, RelayCommand::Resume, None);
    resumed.await.expect("written");
    let state = h.store.relay_state().await.expect("read");
    let expected = RelayState {
        pause: None,
        ..expected
    };
    assert_eq!(state, expected);
    let damage = "UPDATE meta SET value = 'soon' WHERE key = 'relay.pause'";
    h.driver.damage(damage).await;
    let damaged = h.store.relay_state().await;
    assert!(
        matches!(damaged, Err(Error::DamagedRow { .. })),
        "{damaged:?}"
    );
}

pub(super) async fn a_request_of_the_relay_with_a_key_is_kept_once(h: Harness) {
    let claim = CommandClaim {
        hash: [1; 16],
        request: [2; 16],
        expires_at: h.make.in_ms(1_000),
        outcome: "asked".into(),
    };
    let tenant = Tenant::default();
    let ask = |to| {
        let command = RelayCommand::Replay(replay(&h, 0, to));
        h.store.command_relay(&tenant, command, Some(claim.clone()))
    };
    ask(5).await.expect("the key is free");
    let second = ask(6).await;
    assert!(matches!(&second, Err(Error::KeyUsed)), "{second:?}");
    let kept = h.store.relay_state().await.expect("read").replay;
    assert_eq!(kept.expect("asked").to, Positions(vec![5]));
    let done = h.store.command_done(&tenant, claim.hash).await;
    let done = done.expect("read").expect("it is claimed");
    assert_eq!(done.outcome, "asked");
}

pub(super) async fn only_the_holder_of_the_lease_says_how_far_a_replay_is(h: Harness) {
    let tenant = Tenant::default();
    let replay = replay(&h, 3, 9);
    let asked = RelayCommand::Replay(replay.clone());
    let asked = h.store.command_relay(&tenant, asked, None).await;
    asked.expect("written");
    let begins = replay.at(&[], 0);
    assert_eq!((begins.at, replay.is_done(&begins)), (3, false));
    let (lease, _) = h.lease("relay").await;
    let (newer, _) = h.lease("relay").await;
    let progress = |at| ReplayProgress {
        at,
        sent: 4,
        left_out: 1,
        ..begins
    };
    let noted = h.store.note_replayed(&newer, progress(9)).await;
    noted.expect("it has the lease");
    let fenced = h.store.note_replayed(&lease, progress(5)).await;
    assert!(matches!(fenced, Err(Error::Fenced { .. })), "{fenced:?}");
    let state = h.store.relay_state().await.expect("read");
    assert_eq!(state.progress, [progress(9)]);
    let ended = replay.at(&state.progress, 0);
    assert!(replay.is_done(&ended));
    let other = Replay {
        id: h.make.id(),
        ..replay
    };
    assert_eq!(other.at(&state.progress, 0).at, 3, "a new one begins anew");
}

pub(super) async fn parked_keys_are_counted_by_partition(h: Harness) {
    let id = h.sold("A", 50, 1).await;
    let other = h.created(h.make.order(&[("A", 1)])).await;
    let mut events = h.events_of(id).await;
    events.extend(h.events_of(other).await);
    let (lease, from) = h.lease("relay").await;
    assert_eq!(h.store.parked_keys("relay").await.expect("read"), []);
    let to = events.iter().map(|e| e.position).max().expect("events");
    let park = events.iter().map(|e| h.parking(e, Some("no"), 0)).collect();
    let parked = h.store.apply_batch(batch(&lease, from, to, park)).await;
    parked.expect("parked");
    let keys = h.store.parked_keys("relay").await.expect("read");
    assert_eq!(keys, [(lease.partition, 2)]);
    assert_eq!(h.store.parked_keys("status").await.expect("read"), []);
}

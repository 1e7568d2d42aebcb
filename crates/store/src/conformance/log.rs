//! The log: positions rise in commit order, sequences have no gap, pages lose no event, the listener gets every event.

use super::Harness;
use crate::model::Positions;
use std::collections::HashMap;
use waybill_domain::command::Command;
use waybill_domain::event::{EventKind, LoggedEvent};
use waybill_domain::ids::OrderId;
use waybill_domain::text::Tenant;

const NOTES: &[EventKind] = &[EventKind::OrderNoteAdded];

async fn some_history(h: &Harness) -> Vec<OrderId> {
    h.put("A", 1_000).await;
    let mut ids = vec![];
    for n in 0..12 {
        let mut batch = vec![h.make.order(&[("A", 1)]), h.make.order(&[("A", 5_000)])];
        batch.push(h.make.order_of("other", &[("A", 1)]));
        ids.push(batch[0].id);
        h.accept(batch).await;
        if n % 3 == 0 {
            let note = h.command(&h.order(ids[n / 2]).await, &Command::AddNote);
            h.write_changes(vec![note.clone(), note]).await;
        }
    }
    ids
}

pub(super) async fn positions_rise_and_sequences_have_no_gap(h: Harness) {
    some_history(&h).await;
    let log = h.log().await;
    let mut seqs: HashMap<_, i64> = HashMap::new();
    let mut last: HashMap<u16, i64> = HashMap::new();
    for LoggedEvent {
        partition,
        position,
        event,
        ..
    } in &log
    {
        let last = last.entry(*partition).or_default();
        assert!(position > last, "{position} after {last}");
        *last = *position;
        let seq = seqs.entry(event.aggregate).or_default();
        assert_eq!(event.seq, *seq + 1);
        *seq = event.seq;
    }
    assert_eq!(log.len(), 1 + 12 * 2 + 4);
}

pub(super) async fn the_listener_hears_exactly_what_was_committed_in_its_order(h: Harness) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, make) = (h.store.clone(), h.make.clone());
            tokio::spawn(async move {
                for _ in 0..10 {
                    let orders = [
                        make.order(&[("A", 1)]),
                        make.order(&[("A", 0)]),
                        make.order(&[("B", 1)]),
                    ];
                    store
                        .accept(orders.into_iter().map(Into::into).collect())
                        .await
                        .expect("taken");
                }
            })
        })
        .collect();
    h.put("A", 40).await;
    for task in tasks {
        task.await.expect("no panic");
    }
    h.store
        .check_writable()
        .await
        .expect("a write after them succeeds, so the listener has got their events");
    let log = h.log().await;
    h.assert_listener_got_the_log().await;
    assert!(!log.is_empty());
}

/// Reads to the end of the log; returns the last position.
async fn read_all(
    h: &Harness,
    kinds: &'static [EventKind],
    limit: usize,
) -> (Vec<LoggedEvent>, i64) {
    let (mut read, mut after) = (vec![], 0);
    loop {
        let (page, reached) = h
            .store
            .read_log(0, after, limit, kinds)
            .await
            .expect("read");
        assert!(page.len() <= limit && page.iter().all(|e| e.position <= reached));
        if reached == after {
            assert!(page.is_empty(), "at the end it stays");
            return (read, after);
        }
        after = reached;
        read.extend(page);
    }
}

pub(super) async fn the_log_is_read_in_pages_of_any_size(h: Harness) {
    some_history(&h).await;
    let log: Vec<_> = h
        .log()
        .await
        .into_iter()
        .filter(|e| e.partition == 0)
        .collect();
    for limit in [1, 2, 7, 1_000] {
        assert_eq!(
            read_all(&h, EventKind::ALL, limit).await.0,
            log,
            "limit {limit}"
        );
    }
}

pub(super) async fn reading_some_kinds_passes_the_others(h: Harness) {
    some_history(&h).await;
    let log: Vec<_> = h
        .log()
        .await
        .into_iter()
        .filter(|e| e.partition == 0)
        .collect();
    let newest = log.last().expect("events").position;
    let notes: Vec<_> = log
        .into_iter()
        .filter(|e| e.event.kind == EventKind::OrderNoteAdded)
        .collect();
    for limit in [1, 3, 100] {
        assert_eq!(
            read_all(&h, NOTES, limit).await,
            (notes.clone(), newest),
            "limit {limit}"
        );
    }
    assert_eq!(
        read_all(&h, &[EventKind::StockShortage], 10).await,
        (vec![], newest)
    );
}

pub(super) async fn no_consumer_passes_an_event_that_cannot_be_read(mut h: Harness) {
    h.write_plain_log().await;
    h.put("A", 50).await;
    let id = h.created(h.make.order(&[("A", 1)])).await;
    for _ in 0..4 {
        h.done(id, &Command::AddNote).await;
    }
    let events = h.events_of(id).await;
    let [.., first, second, third, fourth] = &events[..] else {
        panic!("four notes: {events:?}");
    };
    let read = |after, kinds| h.store.read_log(first.partition, after, 10, kinds);
    let damage = |set: &str, position| {
        format!(
            "UPDATE events SET {set} WHERE part = {} AND position = {position}",
            first.partition
        )
    };
    // One of a type that is read, one of a type that only a newer version knows, and one of a type that is not read.
    for (set, at, kinds) in [
        ("stream = 'song'", second, NOTES),
        ("type = 'order.sung'", third, NOTES),
        (
            "stream = 'song'",
            fourth,
            &[EventKind::OrderCancelled] as &'static [EventKind],
        ),
    ] {
        let before = events.iter().rev().find(|e| e.position < at.position);
        let before = before.expect("there is one").position;
        h.driver.damage(&damage(set, at.position)).await;
        let (found, reached) = match read(before, kinds).await {
            Ok(read) => read,
            Err(error) => {
                assert!(error.is_poison() && kinds == NOTES, "{error:?}");
                continue;
            }
        };
        assert_eq!((found.len(), reached), (0, fourth.position), "{set}");
        assert!(kinds != NOTES, "{set} was passed over");
    }
    let from = first.position - 1;
    let (found, reached) = read(from, NOTES).await.expect("those before it");
    assert_eq!(
        (&found[..], reached),
        (&[first.clone()][..], first.position)
    );
}

pub(super) async fn the_events_of_one_order_are_read_in_pages(h: Harness) {
    let ids = some_history(&h).await;
    h.shipped_off(ids[0]).await;
    let all = h.events_of(ids[0]).await;
    assert!(all.len() >= 4, "its shipment's events are among them");
    let (mut read, mut after) = (vec![], 0);
    loop {
        let page = h
            .store
            .order_events(&Tenant::default(), ids[0], after, 2)
            .await
            .expect("read");
        let Some(last) = page.last() else { break };
        after = last.position;
        read.extend(page);
    }
    assert_eq!(read, all);
}

pub(super) async fn the_feed_of_a_tenant_is_read_in_pages_and_says_how_far_it_came(h: Harness) {
    some_history(&h).await;
    let mut change = h
        .make
        .stock("A", waybill_domain::stock::Adjustment::Count(10));
    change.tenant = Tenant::stored("other");
    h.store.adjust_stock(vec![change]).await.expect("written");
    h.created(h.make.order_of("other", &[("A", 1)])).await;
    let log = h.log().await;
    let newest = log.last().expect("events").position;
    for (tenant, limit) in [("default", 3), ("default", 500), ("other", 1), ("empty", 5)] {
        let tenant = Tenant::stored(tenant);
        let mine: Vec<_> = log
            .iter()
            .filter(|e| e.event.tenant == tenant)
            .cloned()
            .collect();
        let (mut read, mut after) = (vec![], Positions::beginning(1));
        loop {
            let feed = h.store.feed(&tenant, after.clone(), limit).await;
            let (page, reached) = feed.expect("read");
            read.extend(page);
            if reached == after {
                break;
            }
            after = reached;
        }
        assert_eq!((read, after.of(0)), (mine, newest), "{tenant} {limit}");
    }
}

pub(super) async fn the_feed_of_a_tenant_with_little_passes_everything_of_others_at_once(
    h: Harness,
) {
    some_history(&h).await;
    let mut change = h
        .make
        .stock("A", waybill_domain::stock::Adjustment::Count(9));
    change.tenant = Tenant::stored("mine");
    h.store.adjust_stock(vec![change]).await.expect("written");
    h.created(h.make.order_of("mine", &[("A", 1)])).await;
    some_history(&h).await;
    let log = h.log().await;
    let beginning = Positions::beginning(h.store.identity().partitions);
    for (tenant, count) in [("empty", 0), ("mine", 3)] {
        let tenant = Tenant::stored(tenant);
        let feed = h.store.feed(&tenant, beginning.clone(), 10).await;
        let (found, reached) = feed.expect("read");
        assert_eq!(found.len(), count);
        let passed = |e: &LoggedEvent| e.position <= reached.of(e.partition);
        assert!(log.iter().all(passed), "{tenant} came to {reached:?}");
        let again = h.store.feed(&tenant, reached, 10).await.expect("read");
        assert_eq!(again.0, vec![]);
    }
    let mine = Tenant::stored("mine");
    let (mut kinds, mut after) = (vec![], beginning);
    for _ in 0..3 {
        let (found, reached) = h.store.feed(&mine, after, 1).await.expect("read");
        kinds.push(found[0].event.kind);
        after = reached;
    }
    assert_eq!(
        kinds,
        [
            EventKind::StockAdjusted,
            EventKind::OrderCreated,
            EventKind::OrderConfirmed
        ]
    );
}

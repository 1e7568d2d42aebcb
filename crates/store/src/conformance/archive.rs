//! The archive: which orders leave, what is left of them, and that they come back as they were.

use super::Harness;
use super::story::Story;
use crate::archive::{Archival, Archiving};
use crate::model::{Accepted, OrderRef};
use waybill_domain::claim::ClaimKind;
use waybill_domain::command::Command;
use waybill_domain::echo::quoted;
use waybill_domain::event::LoggedEvent;
use waybill_domain::ids::OrderId;
use waybill_domain::intake::NewOrder;
use waybill_domain::text::Tenant;
use waybill_domain::time::Time;

/// More than any case has.
const ALL: usize = 1_000;

fn everything(h: &Harness, limit: usize) -> Archiving {
    Archiving {
        after: 0,
        before: h.clock.now(),
        limit,
    }
}

/// Moves out what may leave, look by look; returns how many orders did in each.
async fn looks(h: &Harness, limit: usize) -> Vec<usize> {
    let (mut which, mut archived) = (everything(h, limit), vec![]);
    loop {
        let look = h.store.archive(which).await.expect("archived");
        archived.push(look.archived);
        match look.reached {
            Some(reached) => which.after = reached,
            None => return archived,
        }
    }
}

/// Moves out what may leave; returns how many orders did.
async fn archive(h: &Harness, limit: usize) -> usize {
    looks(h, limit).await.into_iter().sum()
}

/// Everything that can be read of an order in the tables, except when it was changed.
async fn seen(h: &Harness, id: OrderId) -> Option<String> {
    let tenant = Tenant::default();
    let record = h.store.order(&tenant, OrderRef::Id(id)).await;
    let mut record = record.expect("read")?;
    record.order.updated_at = Time(0);
    let delivery = h.store.deliveries(vec![id]).await.expect("read");
    let events = h.store.order_events(&tenant, id, 0, ALL).await;
    Some(format!(
        "{record:?} {delivery:?} {:?}",
        events.expect("read")
    ))
}

async fn is_archived(h: &Harness, id: OrderId) -> bool {
    let found = h.store.archived(&Tenant::default(), OrderRef::Id(id)).await;
    found.expect("read").is_some()
}

pub(super) async fn finished_orders_leave_and_come_back_as_they_were(h: Harness) {
    for sku in ["A", "B", "C"] {
        h.put(sku, 200).await;
    }
    let mut story = Story::new(h);
    story.tell(300).await;
    let (h, orders) = (&story.h, &story.orders);
    let mut before = vec![];
    for id in orders {
        before.push(seen(h, *id).await.expect("it is there"));
    }
    let counts = h.store.stats().await.expect("read").orders_by_status;
    let log = h.log().await;
    h.clock.advance_ms(1);
    let finished = orders.len() - unfinished(h, orders).await;
    let left = archive(h, ALL).await;
    assert!(left > 20 && left <= finished, "{left} of {finished}");
    assert_eq!(h.findings().await, [""; 0]);
    let mut gone = vec![];
    for (id, before) in orders.iter().zip(&before) {
        match seen(h, *id).await {
            Some(still) => {
                assert_eq!(still, *before);
                assert!(!is_archived(h, *id).await);
            }
            None => {
                assert!(is_archived(h, *id).await);
                gone.push(*id);
            }
        }
    }
    assert_eq!(gone.len(), left);
    for id in &gone {
        let kept = h
            .store
            .archived(&Tenant::default(), OrderRef::Id(*id))
            .await;
        let kept = kept.expect("read").expect("it is there").document;
        let of_order = |e: &&LoggedEvent| e.event.order_id == Some(*id);
        let told: Vec<_> = log.iter().filter(of_order).cloned().collect();
        assert_eq!(kept.events().expect("readable"), told);
    }
    let rest = h.log().await;
    let stays = |id: Option<OrderId>| !id.is_some_and(|id| gone.contains(&id));
    assert!(rest.iter().all(|e| stays(e.event.order_id)));
    assert_eq!(
        rest.len(),
        log.iter().filter(|e| stays(e.event.order_id)).count()
    );
    let tenant = Tenant::default();
    for id in gone {
        assert!(h.store.unarchive(&tenant, id).await.expect("put back"));
        assert!(!h.store.unarchive(&tenant, id).await.expect("it is back"));
        assert_eq!(h.order(id).await.updated_at, h.clock.now());
    }
    for (id, before) in orders.iter().zip(&before) {
        assert_eq!(seen(h, *id).await.as_ref(), Some(before));
    }
    assert_eq!(h.findings().await, [""; 0]);
    assert_eq!(h.log().await, log);
    let after = h.store.stats().await.expect("read").orders_by_status;
    assert_eq!(after, counts);
}

async fn unfinished(h: &Harness, orders: &[OrderId]) -> usize {
    let states = h.store.orders(orders.to_vec()).await.expect("read");
    let open = states.iter().filter(|o| !o.status.is_terminal());
    open.count()
}

/// An order that was cancelled, and that delivery and status have read of to the end.
async fn cancelled(story: &mut Story, order: NewOrder) -> OrderId {
    let id = story.h.created(order).await;
    story.h.done(id, &Command::Cancel { reason: None }).await;
    story.follow().await;
    id
}

/// A story in which these orders were cancelled a moment ago.
async fn of_cancelled(h: Harness, count: usize) -> (Story, Vec<OrderId>) {
    h.put("A", 100).await;
    let (mut story, mut ids) = (Story::new(h), vec![]);
    for _ in 0..count {
        let order = story.h.make.order(&[("A", 1)]);
        ids.push(cancelled(&mut story, order).await);
    }
    story.h.clock.advance_ms(1);
    (story, ids)
}

pub(super) async fn an_order_that_something_waits_for_stays(h: Harness) {
    h.put("A", 50).await;
    let mut story = Story::new(h);
    let id = story.h.created(story.h.make.order(&[("A", 1)])).await;
    story.follow().await;
    story.h.clock.advance_ms(1);
    assert_eq!(archive(&story.h, ALL).await, 0, "it is not finished");
    story.h.done(id, &Command::Cancel { reason: None }).await;
    let (relay, read) = story.h.lease("relay").await;
    story.follow().await;
    assert!(story.h.order(id).await.status.is_terminal());
    let h = &story.h;
    let look = h.store.archive(everything(h, ALL)).await.expect("looked");
    assert_eq!(look, Archival::default(), "it has only just been cancelled");
    h.clock.advance_ms(1);
    assert_eq!(archive(h, ALL).await, 0, "the relay has not read of it");
    let event = h.events_of(id).await.remove(0);
    let end = h.log().await.last().expect("there are some").position;
    let mut batch = Harness::batch(&relay, read, end);
    batch.park = vec![h.parking(&event, Some("a fault"), 1_000)];
    h.store.apply_batch(batch).await.expect("parked");
    assert_eq!(archive(h, ALL).await, 0, "an event of it is parked");
    h.driver.damage("DELETE FROM parked").await;
    assert_eq!(archive(h, ALL).await, 1);
    assert!(is_archived(h, id).await);
}

/// What keeps an order, and how it ends, as statements that both databases take.
const KEEPS: [(&str, &str); 7] = [
    (
        "INSERT INTO work (id, target, tenant, order_id, due_at, body) SELECT id, 'x', tenant, id, 0, '{}' FROM orders",
        "DELETE FROM work",
    ),
    (
        "UPDATE reservations SET ending = TRUE",
        "UPDATE reservations SET ending = FALSE",
    ),
    (
        "UPDATE orders SET sourcing = TRUE",
        "UPDATE orders SET sourcing = FALSE",
    ),
    (
        "UPDATE cursors SET position = 0 WHERE consumer = 'status'",
        "UPDATE cursors SET position = (SELECT MAX(position) FROM events) WHERE consumer = 'status'",
    ),
    (
        "DELETE FROM cursors WHERE consumer = 'delivery'",
        "INSERT INTO cursors (consumer, part, position, epoch) SELECT 'delivery', 0, MAX(position), 1 FROM events",
    ),
    (
        "INSERT INTO shipments (id, order_id, tenant, part, vendor, attempt, status, version, lines, created_at, updated_at) \
         SELECT id, id, tenant, part, 'x', 9, 'shipped', 1, '[]', 0, 0 FROM orders",
        "UPDATE shipments SET status = 'delivered' WHERE vendor = 'x'",
    ),
    (
        "UPDATE shipments SET due_at = 1 WHERE vendor = 'x'",
        "DELETE FROM shipments WHERE vendor = 'x'",
    ),
];

pub(super) async fn an_order_stays_while_anything_of_it_is_open(h: Harness) {
    let (story, ids) = of_cancelled(h, 1).await;
    let h = story.h;
    for (keeps, ends) in KEEPS {
        h.driver.damage(keeps).await;
        assert_eq!(archive(&h, ALL).await, 0, "{keeps}");
        h.driver.damage(ends).await;
    }
    assert_eq!(archive(&h, ALL).await, 1);
    assert!(is_archived(&h, ids[0]).await);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn orders_leave_in_pages_oldest_first(h: Harness) {
    let (story, _) = of_cancelled(h, 5).await;
    let h = story.h;
    let pages = looks(&h, 2).await;
    assert_eq!(pages.iter().sum::<usize>(), 5);
    assert!(pages.iter().all(|archived| *archived <= 2), "{pages:?}");
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn what_an_archived_order_has_claimed_remains_its_own(h: Harness) {
    h.put("A", 50).await;
    let mut story = Story::new(h);
    let order = story.h.make.order(&[("A", 1)]);
    let id = cancelled(&mut story, order.clone()).await;
    let h = story.h;
    h.clock.advance_ms(1);
    assert_eq!(archive(&h, ALL).await, 1);
    let same = h.accept_one(h.make.again(&order)).await;
    assert!(
        matches!(same, Ok(Accepted::Replayed { order_id }) if order_id == id),
        "{same:?}"
    );
    let other = NewOrder {
        body_hash: h.make.id().into_bytes(),
        ..h.make.again(&order)
    };
    let taken = h.accept_one(other).await;
    assert!(
        matches!(taken, Ok(Accepted::Taken { kind: ClaimKind::Key, holder }) if holder.order_id == id),
        "{taken:?}"
    );
    let archived = h.store.archived(&Tenant::default(), OrderRef::Id(id)).await;
    let archived = archived.expect("read").expect("there");
    let by_number = OrderRef::Number(archived.number);
    let by_number = h.store.archived(&Tenant::default(), by_number).await;
    assert_eq!(by_number.expect("read").map(|o| o.id), Some(id));
    let stranger = Tenant::stored("someone-else");
    let found = h.store.archived(&stranger, OrderRef::Id(id)).await;
    assert!(found.expect("read").is_none());
    assert!(!h.store.unarchive(&stranger, id).await.expect("refused"));
}

pub(super) async fn an_order_is_on_one_side_when_others_write_it_meanwhile(h: Harness) {
    let (story, ids) = of_cancelled(h, 30).await;
    let h = story.h;
    let before = h.store.orders(ids.clone()).await.expect("read");
    let notes: Vec<_> = before
        .iter()
        .filter_map(|order| h.try_command(order, &Command::AddNote))
        .collect();
    assert_eq!(notes.len(), ids.len(), "a finished order may have notes");
    let (first, second, noted) =
        tokio::join!(archive(&h, 20), archive(&h, ALL), h.write_changes(notes));
    let (tenant, mut left) = (Tenant::default(), 0);
    for (order, noted) in before.iter().zip(noted) {
        let there = h.store.order(&tenant, OrderRef::Id(order.id)).await;
        let kept = h.store.archived(&tenant, OrderRef::Id(order.id)).await;
        let version = match (there.expect("read"), kept.expect("read")) {
            (Some(there), None) => there.order.version,
            (None, Some(kept)) => kept.version,
            (there, kept) => panic!("{} is on one side: {there:?} {kept:?}", order.id),
        };
        // A note that was written is there, on whichever side, and one that came too late was refused.
        assert_eq!(version, order.version + i64::from(noted.is_ok()));
        left += usize::from(is_archived(&h, order.id).await);
    }
    assert_eq!(left, first + second, "each left once");
    assert_eq!(h.findings().await, [""; 0]);
}

/// Runs `sql` on a store with an archived order and expects a finding that contains `says`.
async fn found(h: &Harness, sql: &str, says: &str) {
    h.driver.damage(sql).await;
    let findings = h.findings().await;
    let hit = findings
        .iter()
        .any(|f| f.starts_with("I19") && f.contains(says));
    assert!(hit, "{sql}: no I19 {} in {findings:#?}", quoted(says));
}

pub(super) async fn damage_of_the_archive_is_found(h: Harness) {
    h.put("A", 100).await;
    let mut story = Story::new(h);
    for sku in ["A", "B", "C"] {
        story.h.put(sku, 200).await;
    }
    story.tell(200).await;
    let mut h = story.h;
    h.clock.advance_ms(1);
    assert!(archive(&h, ALL).await > 5);
    assert_eq!(h.findings().await, [""; 0]);
    h.store.close().await;
    found(
        &h,
        "UPDATE archived_stock SET units = units + 1 WHERE sku = 'A'",
        "units left",
    )
    .await;
    h.driver
        .damage("UPDATE archived_stock SET units = units - 1 WHERE sku = 'A'")
        .await;
    let any = "(SELECT MIN(n) FROM archived_orders)";
    let sql = format!("UPDATE archived_orders SET version = version + 1 WHERE n = {any}");
    found(&h, &sql, "has version").await;
    let sql = format!(
        "UPDATE archived_orders SET version = version - 1, document = (SELECT document FROM archived_orders WHERE n > {any} LIMIT 1) WHERE n = {any}"
    );
    found(&h, &sql, "has id").await;
    h.reopen().await;
}

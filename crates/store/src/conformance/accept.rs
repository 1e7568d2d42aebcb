//! Accepting orders: the rows have what was sent, and a refused order leaves no row.

use super::Harness;
use crate::model::{Accepted, OrderRef};
use waybill_domain::event::EventKind;
use waybill_domain::intake::{InventoryAnswer, NewOrder};
use waybill_domain::order::Order;
use waybill_domain::quantities::Quantities;
use waybill_domain::status::{Flags, OrderStatus};
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;

/// An order with every optional field set.
fn full(h: &Harness) -> NewOrder {
    let mut order = h.make.order(&[("A", 2), ("B", 1), ("A", 3)]);
    order.lines[1].requires_shipping = false;
    order.holds = vec![h.make.hold(Some("ring \"first\" – ü")), h.make.hold(None)];
    order.customer_id = Some("c-17".into());
    order.caller_number = Some("SHOP-1".into());
    order.promised_by = Some(h.make.in_ms(5_000));
    order.placed_at = Some(Time(1_700_000_000_123_456));
    order.content =
        "{\"currency\":\"EUR\",\"total\":9007199254740993,\"lines\":[],\"x\":\"ü\\u0001\"}".into();
    order.personal = Some("{\"email\":\"a@example.org\"}".into());
    order
}

fn assert_state(sent: &NewOrder, order: &Order) {
    assert_eq!(order.id, sent.id);
    assert_eq!(order.tenant, sent.tenant);
    assert_eq!(
        (order.version, order.status, order.flags),
        (2, OrderStatus::Confirmed, Flags::default())
    );
    assert_eq!(order.policy, sent.policy);
    assert_eq!(
        (order.created_at, order.updated_at),
        (sent.created_at, sent.created_at)
    );
    assert_eq!(
        (order.promised_by, order.completed_at),
        (sent.promised_by, None)
    );
    assert_eq!(
        (order.cancelled_at, order.cancel_reason.as_deref()),
        (None, None)
    );
    assert_eq!(order.lines.len(), sent.lines.len());
    for ((line, sent), id) in order.lines.iter().zip(&sent.lines).zip(1..) {
        assert_eq!(
            (line.id, &line.sku, line.requires_shipping),
            (id, &sent.sku, sent.requires_shipping)
        );
        assert_eq!(line.vendor, Some(Vendor::local()));
        assert_eq!(line.quantities, Quantities::all_reserved(sent.quantity));
    }
}

pub(super) async fn an_accepted_order_reads_back_exactly(h: Harness) {
    h.put("A", 10).await;
    h.put("B", 10).await;
    let sent = full(&h);
    let Ok(Accepted::Created { number, birth }) = h.accept_one(sent.clone()).await else {
        panic!("not created")
    };
    let record = h.record(sent.id).await;
    assert_state(&sent, &record.order);
    assert_eq!(record.order.holds, sent.holds);
    assert_eq!(
        (record.number, record.caller_number.as_deref()),
        (number, Some("SHOP-1"))
    );
    assert_eq!(record.content, *sent.content);
    assert_eq!(record.personal.as_deref(), sent.personal.as_deref());
    assert_eq!(record.birth, birth);
    assert_eq!(
        (birth.status, birth.version, birth.lines.len()),
        (OrderStatus::Confirmed, 2, 3)
    );
    assert_eq!(
        birth.lines[2],
        (Some(Vendor::local()), Quantities::all_reserved(3))
    );
    let state = h.order(sent.id).await;
    assert_eq!(state.lines, record.order.lines);
    assert!(
        state.holds.iter().all(|hold| hold.note.is_none()),
        "notes are personal data"
    );
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn what_may_be_absent_reads_back_absent(h: Harness) {
    let id = h.sold("A", 5, 1).await;
    let record = h.record(id).await;
    assert_eq!((record.personal, record.caller_number), (None, None));
    assert_eq!(
        (record.order.promised_by, record.order.holds.len()),
        (None, 0)
    );
}

pub(super) async fn the_first_events_stand_in_the_log_with_everything_on_them(h: Harness) {
    h.put("A", 10).await;
    let sent = h.make.order(&[("A", 2)]);
    h.created(sent.clone()).await;
    let events = h.events_of(sent.id).await;
    assert_eq!(
        events.iter().map(|e| e.event.kind).collect::<Vec<_>>(),
        [EventKind::OrderCreated, EventKind::OrderConfirmed]
    );
    for (logged, seq) in events.iter().zip(1..) {
        assert_eq!(
            (logged.event.seq, logged.event.id),
            (
                seq,
                sent.event_ids[usize::try_from(seq).expect("1 or 2") - 1]
            )
        );
        assert_eq!(
            (&logged.event.meta, &logged.event.tenant),
            (&sent.meta, &sent.tenant)
        );
        assert_eq!(
            (logged.event.occurred_at, logged.recorded_at),
            (sent.created_at, h.clock.now())
        );
        assert_eq!(logged.event.aggregate, h.order(sent.id).await.aggregate());
    }
}

pub(super) async fn the_result_tells_each_order_apart_in_its_place(h: Harness) {
    h.put("A", 3).await;
    let first = h.make.order(&[("A", 2)]);
    let batch = vec![
        first.clone(),
        h.make.again(&first),
        h.make.order(&[("A", 2)]),
        h.make.order(&[("A", 1)]),
        h.make.order(&[("?", 1)]),
    ];
    let results = h.accept(batch).await;
    assert!(matches!(results[0], Ok(Accepted::Created { .. })));
    assert!(matches!(results[1], Ok(Accepted::Replayed { order_id }) if order_id == first.id));
    assert!(
        matches!(&results[2], Ok(Accepted::Short(s)) if s[0].requested == 2 && s[0].available == 1)
    );
    assert!(matches!(results[3], Ok(Accepted::Created { .. })));
    assert!(
        matches!(&results[4], Ok(Accepted::AskInventory(skus)) if skus[..] == [Sku::stored("?")])
    );
}

pub(super) async fn an_order_short_of_stock_holds_nothing(h: Harness) {
    h.put("A", 5).await;
    h.put("B", 1).await;
    let short = h.make.order(&[("A", 2), ("B", 2)]);
    let answer = h.accept_one(short.clone()).await;
    let Ok(Accepted::Short(shortages)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (
            shortages.len(),
            shortages[0].sku.as_str(),
            shortages[0].available
        ),
        (1, "B", 1)
    );
    assert_eq!(
        (h.level("A").await.reserved, h.level("B").await.reserved),
        (0, 0)
    );
    assert!(
        h.store
            .orders(vec![short.id])
            .await
            .expect("orders are read")
            .is_empty()
    );
    assert!(h.events_of(short.id).await.is_empty());
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn safety_stock_is_not_sold(h: Harness) {
    let mut change = h
        .make
        .stock("A", waybill_domain::stock::Adjustment::Count(5));
    change.safety = Some(2);
    h.store
        .adjust_stock(vec![change])
        .await
        .expect("stock is written");
    assert!(
        matches!(h.accept_one(h.make.order(&[("A", 4)])).await, Ok(Accepted::Short(s)) if s[0].available == 3)
    );
    h.created(h.make.order(&[("A", 3)])).await;
}

pub(super) async fn a_hot_sku_adds_up_over_a_batch(h: Harness) {
    h.put("A", 1_000).await;
    let batch = (0..64)
        .map(|n| h.make.order(&[("A", 1 + n % 3), ("A", 1)]))
        .collect();
    assert!(
        h.accept(batch)
            .await
            .iter()
            .all(|r| matches!(r, Ok(Accepted::Created { .. })))
    );
    let sum: i64 = (0..64).map(|n| 2 + n % 3).sum();
    assert_eq!(
        (h.level("A").await.reserved, h.level("A").await.on_hand),
        (sum, 1_000)
    );
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn the_last_unit_is_sold_once(h: Harness) {
    h.put("A", 1).await;
    let batches = (0..8).map(|_| {
        (0..4)
            .map(|_| h.make.order(&[("A", 1)]).into())
            .collect::<Vec<_>>()
    });
    let tasks: Vec<_> = batches
        .map(|batch| {
            let store = h.store.clone();
            tokio::spawn(async move { store.accept(batch).await })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        let results = task.await.expect("no panic").expect("the batch is taken");
        created += results
            .iter()
            .filter(|r| matches!(r, Ok(Accepted::Created { .. })))
            .count();
    }
    assert_eq!((created, h.level("A").await.available()), (1, 0));
}

pub(super) async fn an_order_that_must_ask_the_inventory_leaves_nothing(h: Harness) {
    h.put("A", 5).await;
    let mut order = h.make.order(&[("A", 1), ("X", 2)]);
    assert!(
        matches!(h.accept_one(order.clone()).await, Ok(Accepted::AskInventory(skus)) if skus[..] == [Sku::stored("X")])
    );
    assert_eq!(h.level("A").await.reserved, 0);
    order.inventory = Some(vec![InventoryAnswer {
        sku: Sku::stored("X"),
        available: 2,
    }]);
    let id = h.created(order).await;
    let lines = h.order(id).await.lines;
    assert_eq!(
        lines[1].vendor.as_ref().map(Vendor::as_str),
        Some(Vendor::INVENTORY)
    );
    assert_eq!(h.level("A").await.reserved, 1);
    let page = h
        .store
        .stock(&Tenant::default(), vec!["X".into()], None, 9)
        .await
        .expect("stock is read");
    assert!(
        page.items.is_empty(),
        "the inventory's stock is not ours to keep"
    );
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn an_order_is_found_by_its_number_and_only_by_ours(h: Harness) {
    h.put("A", 5).await;
    let Ok(Accepted::Created { number, .. }) = h.accept_one(h.make.order(&[("A", 1)])).await else {
        panic!("not created")
    };
    let mut named = h.make.order(&[("A", 1)]);
    named.caller_number = Some("mine".into());
    h.created(named).await;
    let tenant = &Tenant::default();
    let by = |n| h.store.order(tenant, OrderRef::Number(n));
    assert_eq!(
        by(number).await.expect("read").expect("found").number,
        number
    );
    assert!(
        by(number + 1).await.expect("read").is_none(),
        "its caller gave it another number"
    );
    assert!(by(number + 2).await.expect("read").is_none());
}

//! Stock rows: counting, guards, movements and events.

use super::Harness;
use crate::model::{StockChange, StockOutcome};
use waybill_domain::event::{EventKind, body};
use waybill_domain::precondition::{Preconditions, Tags, Unmet};
use waybill_domain::sourcing_task::TARGET;
use waybill_domain::stock::{Adjustment, AdjustmentRefusal};
use waybill_domain::text::{Tenant, Vendor};

async fn adjust(h: &Harness, change: StockChange) -> StockOutcome {
    h.store
        .adjust_stock(vec![change])
        .await
        .expect("the batch is taken")
        .remove(0)
}

pub(super) async fn more_units_than_32_bits_hold_add_up(h: Harness) {
    let many = i64::from(u32::MAX) + 10;
    h.put("A", many).await;
    h.created(h.make.order(&[("A", 3)])).await;
    let level = h.level("A").await;
    assert_eq!((level.on_hand, level.reserved), (many, 3));
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn counts_and_deltas_are_kept_with_their_event(h: Harness) {
    for (adjustment, on_hand, delta) in [
        (Adjustment::Count(10), 10, 10),
        (Adjustment::Delta(-3), 7, -3),
        (Adjustment::Count(7), 7, 0),
    ] {
        let change = h.make.stock("A", adjustment);
        let row = adjust(&h, change.clone()).await.expect("allowed");
        assert_eq!(
            (row.level.on_hand, row.level.reserved, row.synced_at),
            (on_hand, 0, change.at)
        );
        let logged = h.log().await.pop().expect("an event");
        assert_eq!(
            (logged.event.kind, logged.event.id.0),
            (EventKind::StockAdjusted, change.event_id)
        );
        assert_eq!(
            (logged.event.seq, logged.event.order_id),
            (row.level.version, None)
        );
        assert_eq!(logged.event.meta, change.meta);
        let told: body::StockChange = serde_json::from_str(&logged.event.body).expect("readable");
        assert_eq!(
            (told.delta, told.on_hand, told.reason.as_deref()),
            (delta, on_hand, Some("count"))
        );
    }
    assert_eq!(h.level("A").await.version, 3);
    let aggregates: std::collections::HashSet<_> =
        h.log().await.iter().map(|e| e.event.aggregate).collect();
    assert_eq!(aggregates.len(), 1, "a row is one aggregate");
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_count_below_what_is_reserved_is_a_recorded_shortfall(h: Harness) {
    h.sold("A", 10, 6).await;
    let change = h.make.stock("A", Adjustment::Count(4));
    let row = adjust(&h, change.clone()).await.expect("allowed");
    let level = row.level;
    assert_eq!((level.counted(), level.reserved, level.short()), (4, 6, 2));
    assert_eq!((level.on_hand, level.available()), (6, 0));
    let logged = h.log().await;
    let last = logged.last().expect("an event");
    assert_eq!(
        (last.event.kind, last.event.id.0),
        (EventKind::StockShortage, change.event_id)
    );
    let work = h
        .store
        .lease_work(TARGET, h.make.in_ms(0), h.make.in_ms(1), 9);
    let tasks: Vec<String> = work
        .await
        .expect("read")
        .into_iter()
        .map(|w| w.body)
        .collect();
    assert_eq!(tasks, [r#"{"task":"take_back","sku":"A"}"#]);
    assert_eq!(h.findings().await, [""; 0]);
    let more = adjust(&h, h.make.stock("A", Adjustment::Delta(3))).await;
    let level = more.expect("allowed").level;
    assert_eq!(
        (level.counted(), level.short(), level.available()),
        (7, 0, 1)
    );
    assert_eq!(h.findings().await, [""; 0]);
    for adjustment in [Adjustment::Count(-1), Adjustment::Delta(-8)] {
        let refused = adjust(&h, h.make.stock("A", adjustment)).await;
        assert_eq!(refused, Err(AdjustmentRefusal::OutOfRange { wanted: -1 }));
    }
    assert_eq!(h.level("A").await, level);
}

pub(super) async fn another_version_than_expected_is_refused(h: Harness) {
    let mut change = h.make.stock("A", Adjustment::Count(1));
    change.preconditions = Preconditions::of_version(1);
    assert_eq!(adjust(&h, change.clone()).await, Err(Unmet::Missing.into()));
    change.preconditions = Preconditions::default();
    let made = adjust(&h, change.clone()).await.expect("allowed");
    assert_eq!(made.level.version, 1);
    h.created(h.make.order(&[("A", 1)])).await;
    change.event_id = h.make.id();
    change.preconditions = Preconditions::of_version(1);
    let changed = adjust(&h, change.clone()).await;
    let changed = changed.expect("an order does not change it");
    assert_eq!(changed.level.version, 2);
    let other = Unmet::OtherVersion { found: 2 };
    assert_eq!(adjust(&h, change).await, Err(other.into()));
}

pub(super) async fn of_many_that_want_to_make_a_row_one_does(h: Harness) {
    let changes: Vec<_> = (1..=8)
        .map(|count| {
            let mut change = h.make.stock("A", Adjustment::Count(count));
            change.preconditions.if_none_match = Some(Tags::Any);
            change
        })
        .collect();
    let tries = changes.iter().map(|change| adjust(&h, change.clone()));
    let outcomes = futures::future::join_all(tries).await;
    let made: Vec<_> = outcomes.iter().flatten().collect();
    assert_eq!(made.len(), 1, "{outcomes:?}");
    let excluded = Err(Unmet::Excluded { found: 1 }.into());
    assert!(outcomes.iter().all(|o| o.is_ok() || *o == excluded));
    assert_eq!(h.level("A").await, made[0].level);
    let mut change = h.make.stock("B", Adjustment::Count(1));
    change.preconditions.if_match = Some(Tags::Any);
    assert_eq!(adjust(&h, change).await, Err(Unmet::Missing.into()));
    let tenant = Tenant::default();
    let page = h.store.stock(&tenant, vec!["B".into()], None, 9).await;
    assert_eq!(page.expect("read").items.len(), 0, "nothing is left");
}

pub(super) async fn one_refusal_leaves_the_others_of_its_call(h: Harness) {
    let changes = vec![
        h.make.stock("A", Adjustment::Count(1)),
        h.make.stock("A", Adjustment::Delta(-2)),
        h.make.stock("A", Adjustment::Delta(4)),
        h.make.stock("B", Adjustment::Count(9)),
    ];
    let outcomes = h.store.adjust_stock(changes).await.expect("taken");
    assert_eq!(
        outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true, true]
    );
    assert_eq!(
        (h.level("A").await.on_hand, h.level("B").await.on_hand),
        (5, 9)
    );
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn rows_are_listed_in_pages_that_end_at_any_row(h: Harness) {
    let mut all = vec![];
    for sku in ["A", "B", "C", "a"] {
        for vendor in ["VendorA", "VendorB", "local"] {
            let mut change = h.make.stock(sku, Adjustment::Count(3));
            change.vendor = Vendor::stored(vendor);
            adjust(&h, change).await.expect("allowed");
            all.push((sku.to_owned(), vendor.to_owned()));
        }
    }
    for (skus, limit) in [
        (vec![], 1),
        (vec![], 2),
        (vec![], 5),
        (vec!["C", "A", "C", "?"], 2),
        (vec!["a"], 2),
        (vec!["B", "a"], 3),
    ] {
        let wanted: Vec<String> = skus.iter().map(|s| (*s).to_owned()).collect();
        let expected: Vec<_> = all
            .iter()
            .filter(|(sku, _)| wanted.is_empty() || wanted.contains(sku))
            .cloned()
            .collect();
        let (mut listed, mut after) = (vec![], None);
        loop {
            let page = h
                .store
                .stock(&Tenant::default(), wanted.clone(), after, limit)
                .await
                .expect("read");
            assert!(page.items.len() <= limit);
            listed.extend(
                page.items
                    .iter()
                    .map(|r| (r.sku.to_string(), r.vendor.to_string())),
            );
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, expected, "{skus:?} by {limit}");
    }
}

pub(super) async fn only_our_own_warehouse_is_sold_at_intake(h: Harness) {
    let mut change = h.make.stock("A", Adjustment::Count(100));
    change.vendor = Vendor::stored("VendorA");
    adjust(&h, change).await.expect("allowed");
    h.put("A", 1).await;
    h.created(h.make.order(&[("A", 1)])).await;
    assert!(matches!(
        h.accept_one(h.make.order(&[("A", 1)])).await,
        Ok(crate::Accepted::Short(_))
    ));
}

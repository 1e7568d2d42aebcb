//! Stock rows that do not add up: what mends them, and what is refused.

use super::Harness;
use crate::model::{StockChange, StockOutcome};
use std::sync::Arc;
use waybill_domain::event::EventKind;
use waybill_domain::event::body::{self, ShipmentLine};
use waybill_domain::fact::Fact;
use waybill_domain::once::CommandClaim;
use waybill_domain::precondition::{Preconditions, Unmet};
use waybill_domain::stock::{Adjustment, AdjustmentRefusal};
use waybill_domain::text::{Sku, Tenant, Vendor};

const SOUND: [&str; 0] = [];

/// 8 on hand, of which 4 are held; 2 have left. Other rows of the same sku stand beside it.
async fn sold(h: &Harness) {
    let mut of_vendor = h.make.stock("A", Adjustment::Count(70));
    of_vendor.vendor = Vendor::stored("warehouse-2");
    let mut of_another = h.make.stock("A", Adjustment::Count(700));
    of_another.tenant = Tenant::stored("other");
    let others = h.store.adjust_stock(vec![of_vendor, of_another]).await;
    assert!(others.expect("taken").iter().all(Result::is_ok));
    h.put("A", 10).await;
    h.created(h.make.order(&[("A", 3), ("A", 1)])).await;
    let gone = h.created(h.make.order(&[("A", 2)])).await;
    let units = vec![ShipmentLine {
        line: 1,
        quantity: 2,
    }];
    let ship = h.fact(&h.order(gone).await, &Fact::ShipmentShipped(units));
    let ship = ship.expect("it changes");
    let written = h.write_changes(vec![ship]).await.remove(0);
    written.expect("nobody was faster");
    assert_eq!(h.findings().await, SOUND);
}

/// Does the damage while the store is closed.
async fn damage(h: &mut Harness, sql: &str) {
    h.store.close().await;
    h.driver.damage(sql).await;
    h.reopen().await;
}

fn reconcile_change(h: &Harness) -> StockChange {
    let mut change = h.make.stock("A", Adjustment::Reconcile);
    change.reason = Some("found by verify".into());
    change
}

async fn reconcile(h: &Harness) -> StockOutcome {
    let outcomes = h.store.adjust_stock(vec![reconcile_change(h)]).await;
    outcomes.expect("the batch is taken").remove(0)
}

const OF_DEFAULT: &str = "tenant = 'default' AND vendor = 'local'";

pub(super) async fn a_row_is_mended_whatever_happened_to_it(mut h: Harness) {
    sold(&h).await;
    for (what, on_hand, booked) in [
        ("UPDATE stock_movements SET delta = delta + 1", 8, -1),
        ("UPDATE stock SET on_hand = on_hand + 5", 13, 5),
        ("UPDATE stock SET on_hand = on_hand - 7", 6, -7),
        ("UPDATE stock SET reserved = reserved + 2", 6, 0),
        ("UPDATE stock SET reserved = 0", 6, 0),
        ("UPDATE stock SET reserved = on_hand + 9", 6, 0),
        ("DELETE FROM stock", 6, 0),
    ] {
        let sql = format!("{what} WHERE {OF_DEFAULT}");
        let version = h.level("A").await.version;
        damage(&mut h, &sql).await;
        let findings = h.findings().await;
        assert!(
            findings
                .iter()
                .any(|f| f.contains("waybill stock reconcile A`")),
            "{sql}: {findings:?}"
        );
        let (sku, vendor) = (Sku::stored("A"), Vendor::local());
        let books = h.store.stock_books(&Tenant::default(), &sku, &vendor).await;
        let ledger = books.expect("read").ledger;
        assert_eq!((ledger.held, ledger.consumed), (4, 2), "{sql}");

        let row = reconcile(&h).await.expect("it can be mended");

        assert_eq!(h.findings().await, SOUND, "{sql}");
        assert_eq!(h.level("A").await, row.level, "{sql}");
        let level = (row.level.on_hand, row.level.reserved, row.level.version);
        assert_eq!(level, (on_hand, 4, version + 1), "{sql}");
        let logged = h.log().await.into_iter().map(|logged| logged.event);
        let mut adjusted = logged.filter(|e| e.tenant == Tenant::default());
        let last = adjusted.rfind(|e| e.kind == EventKind::StockAdjusted && e.seq == version + 1);
        let told: body::StockChange =
            serde_json::from_str(&last.expect("an event").body).expect("readable");
        let told = (told.delta, told.on_hand, told.reason);
        assert_eq!(
            told,
            (booked, on_hand, Some("found by verify".into())),
            "{sql}"
        );
    }
}

pub(super) async fn a_row_that_adds_up_is_not_written(h: Harness) {
    sold(&h).await;
    let (log, level) = (h.log().await, h.level("A").await);
    assert_eq!(reconcile(&h).await, Err(AdjustmentRefusal::AddsUp));
    assert_eq!((h.log().await, h.level("A").await), (log, level));
    let mut never = reconcile_change(&h);
    never.sku = Sku::stored("NEVER");
    let outcome = h.store.adjust_stock(vec![never]).await.expect("taken");
    assert_eq!(outcome, [Err(AdjustmentRefusal::NeverCounted)]);
    let tenant = Tenant::default();
    let page = h.store.stock(&tenant, vec!["NEVER".into()], None, 1).await;
    assert_eq!(page.expect("read").items.len(), 0, "no row is left");
}

pub(super) async fn more_held_than_on_hand_is_refused_until_it_is_counted(mut h: Harness) {
    sold(&h).await;
    let fewer = format!("UPDATE stock SET on_hand = 3, reserved = 3 WHERE {OF_DEFAULT}");
    damage(&mut h, &fewer).await;
    let (log, level) = (h.log().await, h.level("A").await);
    let refused = AdjustmentRefusal::MoreHeldThanOnHand {
        held: 4,
        on_hand: 3,
    };
    assert_eq!(reconcile(&h).await, Err(refused));
    assert_eq!((h.log().await, h.level("A").await), (log, level));
    // As the message says.
    h.put("A", 4).await;
    let row = reconcile(&h).await.expect("it can be mended");
    assert_eq!((row.level.reserved, row.level.available()), (4, 0));
    assert_eq!(h.findings().await, SOUND);
}

pub(super) async fn a_row_is_not_mended_on_a_damaged_order(mut h: Harness) {
    sold(&h).await;
    let damaged =
        "UPDATE reservations SET released = quantity, state = 'released' WHERE consumed = 0";
    damage(&mut h, damaged).await;
    let level = h.level("A").await;
    let refused = AdjustmentRefusal::OrdersDisagree {
        promised: 4,
        shipped: 2,
        held: 0,
        consumed: 2,
    };
    assert_eq!(reconcile(&h).await, Err(refused));
    assert_eq!(h.level("A").await, level, "its units stay reserved");
}

pub(super) async fn it_is_done_once_and_only_on_the_version_expected(mut h: Harness) {
    sold(&h).await;
    let more = format!("UPDATE stock SET on_hand = on_hand + 5 WHERE {OF_DEFAULT}");
    damage(&mut h, &more).await;
    let mut change = reconcile_change(&h);
    change.preconditions = Preconditions::of_version(7);
    let outcome = h.store.adjust_stock(vec![change.clone()]).await;
    let other = Unmet::OtherVersion { found: 1 };
    assert_eq!(outcome.expect("taken"), [Err(other.into())]);
    change.preconditions = Preconditions::of_version(1);
    change.claim = Some(CommandClaim {
        hash: [7; 16],
        request: [8; 16],
        expires_at: h.make.in_ms(60_000),
        outcome: String::new(),
    });
    let first = h.store.adjust_stock(vec![change.clone()]).await;
    assert!(first.expect("taken")[0].is_ok());
    change.event_id = h.make.id();
    change.preconditions = Preconditions::default();
    let again = h.store.adjust_stock(vec![change]).await;
    assert_eq!(again.expect("taken"), [Err(AdjustmentRefusal::KeyUsed)]);
    assert_eq!(h.findings().await, SOUND);
}

pub(super) async fn what_the_same_call_books_before_it_counts(mut h: Harness) {
    sold(&h).await;
    let more = format!("UPDATE stock SET on_hand = on_hand + 5 WHERE {OF_DEFAULT}");
    damage(&mut h, &more).await;
    let changes = vec![
        h.make.stock("A", Adjustment::Delta(3)),
        reconcile_change(&h),
        reconcile_change(&h),
    ];
    let outcomes = h.store.adjust_stock(changes).await.expect("taken");
    let on_hand = |o: &StockOutcome| o.as_ref().map(|row| row.level.on_hand).map_err(|r| *r);
    let all: Vec<_> = outcomes.iter().map(on_hand).collect();
    assert_eq!(all, [Ok(16), Ok(16), Err(AdjustmentRefusal::AddsUp)]);
    assert_eq!(h.findings().await, SOUND);
}

pub(super) async fn orders_and_counts_beside_it_keep_the_sum(mut h: Harness) {
    sold(&h).await;
    h.put("A", 1_000).await;
    for sql in [
        format!("UPDATE stock SET on_hand = on_hand + 5 WHERE {OF_DEFAULT}"),
        format!("UPDATE stock SET reserved = reserved + 3 WHERE {OF_DEFAULT}"),
    ] {
        damage(&mut h, &sql).await;
        let before = h.level("A").await;
        let orders = (0..12).map(|_| {
            let (store, order) = (h.store.clone(), h.make.order(&[("A", 2)]));
            tokio::spawn(async move { store.accept(vec![Arc::new(order)]).await })
        });
        let mends = (0..4).map(|_| reconcile_change(&h));
        let deltas = (0..4).map(|_| h.make.stock("A", Adjustment::Delta(1)));
        let changes = mends.chain(deltas).map(|change| {
            let store = h.store.clone();
            tokio::spawn(async move { store.adjust_stock(vec![change]).await })
        });
        let (orders, changes): (Vec<_>, Vec<_>) = (orders.collect(), changes.collect());
        let mut refusals = vec![];
        for task in changes {
            let outcome = task.await.expect("no panic").expect("taken").remove(0);
            refusals.extend(outcome.err());
        }
        assert_eq!(
            refusals,
            [AdjustmentRefusal::AddsUp; 3],
            "one of them mends"
        );
        for task in orders {
            let accepted = task.await.expect("no panic").expect("taken").remove(0);
            assert!(matches!(accepted, Ok(crate::Accepted::Created { .. })));
        }
        let after = h.level("A").await;
        assert_eq!(after.on_hand, before.on_hand + 4);
        assert_eq!(h.findings().await, SOUND, "{sql}");
    }
}

//! Orders that draw on vendors: what is held, agreed to, given up and read back.

use super::Harness;
use crate::error::{Error, Result};
use crate::model::{Accepted, LeasedWork, StockOutcome, WorkOutcome};
use waybill_domain::allocation::{self, Answer, Outcome};
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::command::Command;
use waybill_domain::context::{Context, EventMeta};
use waybill_domain::ids::OrderId;
use waybill_domain::order::Order;
use waybill_domain::status::OrderStatus;
use waybill_domain::stock::{Adjustment, StockLevel};
use waybill_domain::text::{Sku, Tenant, Vendor};
use waybill_domain::time::Time;
use waybill_domain::vendor::{VendorRecord, VendorTerms};
use waybill_domain::vendor_call::{VendorCall, target};

fn name(text: &str) -> Vendor {
    Vendor::stored(text)
}

/// A vendor in use that says it has so many units of `A`.
pub(super) async fn vendor(h: &Harness, text: &str, units: i64) {
    let terms = VendorTerms::at("https://vendor.example".into());
    let record = VendorRecord::new(Tenant::default(), name(text), terms, h.clock.now());
    let written = h.store.write_vendor(&record, None).await;
    written.expect("it is new");
    says(h, text, units, h.clock.now()).await.expect("taken");
}

/// What a vendor says, asked at this time.
async fn says(h: &Harness, vendor: &str, units: i64, asked_at: Time) -> StockOutcome {
    let mut change = h.make.stock("A", Adjustment::Snapshot { units, asked_at });
    change.vendor = name(vendor);
    let written = h.store.write_vendor_stock(vec![change]).await;
    written.expect("written").remove(0)
}

async fn level(h: &Harness, vendor: &str) -> StockLevel {
    let rows = h
        .store
        .stock(&Tenant::default(), vec!["A".into()], None, 100)
        .await;
    let rows = rows.expect("read").items.into_iter();
    let mut of = rows.filter(|row| row.vendor == name(vendor));
    of.next().expect("a row").level
}

/// The next call to a vendor, leased for a second.
async fn leased(h: &Harness, vendor: &str) -> (LeasedWork, VendorCall) {
    let target = target(&Tenant::default(), &name(vendor));
    let now = h.clock.now();
    let leased = h
        .store
        .lease_work(&target, now, h.make.in_ms(1_000), 1)
        .await;
    let work = leased.expect("leased").remove(0);
    let call = serde_json::from_str(&work.body).expect("a call");
    (work, call)
}

/// What is decided now, with new ids.
pub(super) fn decided<T>(h: &Harness, decide: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut ids = || h.make.id();
    decide(&mut Context {
        now: h.clock.now(),
        meta: &EventMeta::default(),
        ids: &mut ids,
    })
}

fn decide(h: &Harness, order: &Order, call: &VendorCall, answer: &Answer) -> Change<OrderEffect> {
    let outcome = decided(h, |context| {
        allocation::on_answer(order, call, answer, &[], context)
    });
    match outcome {
        Outcome::Change(change) => *change,
        other => panic!("{other:?}"),
    }
}

/// Takes the answer to the next call of a vendor in.
async fn answer(h: &Harness, id: OrderId, vendor: &str, answer: &Answer) -> Result<()> {
    let (work, call) = leased(h, vendor).await;
    let change = decide(h, &h.order(id).await, &call, answer);
    h.store
        .settle_work(&work, WorkOutcome::Done(Some(change)))
        .await
}

pub(super) async fn an_order_that_vendors_are_asked_for_reads_back_with_its_sources(h: Harness) {
    vendor(&h, "North", 3).await;
    vendor(&h, "South", 9).await;
    h.put("A", 2).await;
    let id = h.created(h.make.order(&[("A", 11), ("A", 3)])).await;
    let order = h.order(id).await;
    assert_eq!((order.status, order.version), (OrderStatus::Pending, 1));
    let line = &order.lines[0];
    let units = line
        .sources
        .iter()
        .map(|of| (of.vendor.as_str(), of.reservation.quantity));
    assert_eq!(units.collect::<Vec<_>>(), [("South", 9), ("local", 2)]);
    let second = order.lines[1].sources.iter();
    assert_eq!(
        second.map(|of| of.vendor.as_str()).collect::<Vec<_>>(),
        ["North"]
    );
    assert!(
        line.sources
            .iter()
            .all(|of| of.reason.is_some() != of.vendor.is_local())
    );
    assert_eq!(h.record(id).await.order, order);
    let held = |level: StockLevel| (level.on_hand, level.reserved);
    assert_eq!(held(level(&h, "North").await), (3, 3));
    assert_eq!(held(level(&h, "South").await), (9, 9));
    assert_eq!(held(level(&h, "local").await), (2, 2));
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn units_leave_a_vendors_row_when_it_agrees_and_the_last_yes_confirms(h: Harness) {
    vendor(&h, "North", 4).await;
    vendor(&h, "South", 4).await;
    let id = h.created(h.make.order(&[("A", 6)])).await;
    for (vendor, status) in [
        ("North", OrderStatus::Pending),
        ("South", OrderStatus::Confirmed),
    ] {
        answer(&h, id, vendor, &Answer::Agreed)
            .await
            .expect("taken");
        assert_eq!(h.order(id).await.status, status);
        assert_eq!(h.findings().await, [""; 0]);
    }
    let left = [level(&h, "North").await, level(&h, "South").await];
    assert_eq!(left.map(|of| (of.on_hand, of.reserved)), [(0, 0), (2, 0)]);
    assert_eq!(h.store.stats().await.expect("read").work, 0);
}

pub(super) async fn a_cancelled_order_keeps_its_units_until_the_vendor_has_answered(h: Harness) {
    vendor(&h, "North", 4).await;
    let id = h.created(h.make.order(&[("A", 3)])).await;
    h.done(id, &Command::Cancel { reason: None }).await;
    assert_eq!(level(&h, "North").await.reserved, 3);
    answer(&h, id, "North", &Answer::Agreed)
        .await
        .expect("taken");
    let after = level(&h, "North").await;
    assert_eq!((after.on_hand, after.reserved), (1, 0));
    let (_, back) = leased(&h, "North").await;
    assert_eq!(back.units, 3);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn an_answer_that_is_taken_in_twice_is_a_conflict(h: Harness) {
    vendor(&h, "North", 4).await;
    let id = h.created(h.make.order(&[("A", 3)])).await;
    let (work, call) = leased(&h, "North").await;
    let order = h.order(id).await;
    let refused = decide(&h, &order, &call, &Answer::Refused("no".into()));
    let agreed = decide(&h, &order, &call, &Answer::Agreed);
    h.store
        .settle_work(&work, WorkOutcome::Done(Some(refused)))
        .await
        .expect("taken");
    let late = h
        .store
        .settle_work(&work, WorkOutcome::Done(Some(agreed.clone())))
        .await;
    assert!(
        matches!(late, Err(Error::Fenced { .. } | Error::Conflict { .. })),
        "{late:?}"
    );
    let late = h.write_changes(vec![agreed]).await.remove(0);
    assert!(matches!(late, Err(Error::Conflict { .. })), "{late:?}");
    assert_eq!(level(&h, "North").await.on_hand, 4);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_figure_does_not_undo_what_was_agreed_to_since_it_was_asked_for(h: Harness) {
    vendor(&h, "North", 10).await;
    let asked_at = h.clock.now();
    let id = h.created(h.make.order(&[("A", 3)])).await;
    h.clock.advance_ms(5);
    answer(&h, id, "North", &Answer::Agreed)
        .await
        .expect("taken");
    // The vendor was asked before: its 10 may or may not have the 3 units in it.
    let unchanged = says(&h, "North", 10, asked_at).await;
    assert!(unchanged.is_err(), "{unchanged:?}");
    assert_eq!(level(&h, "North").await.on_hand, 7);
    let lower = says(&h, "North", 9, asked_at).await.expect("taken");
    assert_eq!(lower.level.on_hand, 6);
    h.clock.advance_ms(5);
    let later = says(&h, "North", 9, h.clock.now()).await.expect("taken");
    assert_eq!(later.level.on_hand, 9);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_vendor_that_is_not_in_use_is_not_drawn_on(h: Harness) {
    vendor(&h, "North", 4).await;
    let found = h.store.vendor(&Tenant::default(), &name("North")).await;
    let record = found.expect("read").expect("on record");
    let off = VendorTerms {
        enabled: false,
        ..record.terms.clone()
    };
    let changed = record.changed(off, h.clock.now());
    h.store.write_vendor(&changed, None).await.expect("written");
    let refused = h
        .accept_one(h.make.order(&[("A", 1)]))
        .await
        .expect("decided");
    let unknown = [Sku::stored("A")];
    assert!(
        matches!(&refused, Accepted::AskInventory(skus) if **skus == unknown),
        "{refused:?}"
    );
}

pub(super) async fn orders_past_their_time_are_those_that_still_wait(h: Harness) {
    vendor(&h, "North", 9).await;
    let past = |h: &Harness| {
        let (store, now) = (h.store.clone(), h.clock.now());
        async move { store.orders_past_their_time(now, 10).await.expect("read") }
    };
    let waits = h.created(h.make.order(&[("A", 1)])).await;
    let cancelled = h.created(h.make.order(&[("A", 2)])).await;
    h.done(cancelled, &Command::Cancel { reason: None }).await;
    assert_eq!(past(&h).await, []);
    h.clock.advance_ms(900_000);
    h.created(h.make.order(&[("A", 3)])).await;
    assert_eq!(past(&h).await, [waits]);
}

pub(super) async fn targets_with_work_are_those_with_due_work_that_is_not_leased(h: Harness) {
    vendor(&h, "North", 4).await;
    vendor(&h, "South", 4).await;
    h.created(h.make.order(&[("A", 6)])).await;
    let found = |h: &Harness| {
        let (store, now) = (h.store.clone(), h.clock.now());
        async move { store.targets_with_work(now).await.expect("read") }
    };
    let target = |vendor| target(&Tenant::default(), &name(vendor));
    assert_eq!(found(&h).await, [target("North"), target("South")]);
    leased(&h, "North").await;
    assert_eq!(found(&h).await, [target("South")]);
    h.clock.advance_ms(1_000);
    assert_eq!(found(&h).await.len(), 2);
}

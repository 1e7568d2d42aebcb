//! Orders that wait for stock, and those that have to give units back.

use super::Harness;
use super::sourcing::{decided, vendor};
use crate::model::WorkOutcome;
use waybill_domain::backorder::{self, Occasion, Supply};
use waybill_domain::change::{Change, OrderEffect};
use waybill_domain::command::Command;
use waybill_domain::event::body::ShipmentLine;
use waybill_domain::explain;
use waybill_domain::fact::Fact;
use waybill_domain::ids::OrderId;
use waybill_domain::intake::NewOrder;
use waybill_domain::order::Order;
use waybill_domain::reservation::ReservationState;
use waybill_domain::sourcing::{OWN_PRIORITY, Offer};
use waybill_domain::sourcing_task::TARGET;
use waybill_domain::status::{AllocationPolicy, OrderStatus};
use waybill_domain::stock::Adjustment;
use waybill_domain::text::{Sku, Tenant, Vendor};

fn waiting(h: &Harness, lines: &[(&str, i64)]) -> NewOrder {
    NewOrder {
        policy: AllocationPolicy::Backorder,
        ..h.make.order(lines)
    }
}

/// The order is sourced from our own stock, which has so many units of `A`.
fn sourced(h: &Harness, order: &Order, ours: i64) -> Option<Change<OrderEffect>> {
    let offer = Offer {
        vendor: Vendor::local(),
        priority: OWN_PRIORITY,
        cost: 0,
        available: [(Sku::stored("A"), ours)].into(),
    };
    let supply = Supply {
        occasion: Occasion::Sourcing,
        offers: vec![offer],
        inventory: vec![],
        expires_at: h.make.in_ms(900_000),
    };
    decided(h, |context| backorder::source(order, &supply, context))
}

async fn write(h: &Harness, change: Change<OrderEffect>) {
    let written = h.write_changes(vec![change]).await;
    assert!(written[0].is_ok(), "{written:?}");
}

async fn found(h: &Harness, tenant: &Tenant, after: Option<OrderId>) -> Vec<OrderId> {
    let sku = Sku::stored("A");
    let found = h.store.waiting_orders(tenant, &sku, after, 2).await;
    found.expect("read")
}

/// The tasks that wait, as their text.
async fn tasks(h: &Harness) -> Vec<String> {
    let now = h.make.in_ms(0);
    let leased = h
        .store
        .lease_work(TARGET, now, h.make.in_ms(1_000), 99)
        .await;
    let mut tasks = vec![];
    for work in leased.expect("leased") {
        tasks.push(work.body.clone());
        let done = WorkOutcome::<OrderEffect>::Done(None);
        h.store.settle_work(&work, done).await.expect("done");
    }
    tasks
}

pub(super) async fn orders_that_wait_are_found_by_sku_in_the_order_in_which_they_came(h: Harness) {
    let other = Tenant::stored("other");
    h.put("A", 3).await;
    h.put("B", 0).await;
    let mut stock = h.make.stock("A", Adjustment::Count(0));
    stock.tenant = other.clone();
    let counted = h.store.adjust_stock(vec![stock]).await;
    counted.expect("taken").remove(0).expect("counted");
    let mut ids = vec![];
    for lines in [
        &[("A", 2), ("A", 2)][..],
        &[("A", 1), ("B", 1)],
        &[("A", 4)],
    ] {
        ids.push(h.created(waiting(&h, lines)).await);
    }
    let elsewhere = h.created(NewOrder {
        tenant: other.clone(),
        ..waiting(&h, &[("A", 1)])
    });
    let elsewhere = elsewhere.await;
    ids.sort();
    let tenant = Tenant::default();
    assert_eq!(found(&h, &tenant, None).await, ids[..2], "a page of two");
    assert_eq!(found(&h, &tenant, Some(ids[1])).await, ids[2..]);
    assert_eq!(found(&h, &other, None).await, [elsewhere]);
    let skus = h.store.waiting_skus(None, 2).await.expect("read");
    let name = |(tenant, sku): &(Tenant, Sku)| format!("{tenant} {sku}");
    let named: Vec<String> = skus.iter().map(name).collect();
    assert_eq!(named, ["default A", "default B"]);
    let rest = h.store.waiting_skus(skus.last().cloned(), 2).await;
    assert_eq!(
        rest.expect("read").iter().map(name).collect::<Vec<_>>(),
        ["other A"]
    );

    let first = h.order(ids[0]).await;
    let short = first.totals().backordered;
    h.put("A", 3 + short).await;
    write(&h, sourced(&h, &first, short).expect("there is enough")).await;
    assert_eq!(h.order(ids[0]).await.status, OrderStatus::Confirmed);
    assert_eq!(found(&h, &tenant, None).await, ids[1..]);
    h.done(ids[1], &Command::Cancel { reason: None }).await;
    assert_eq!(found(&h, &tenant, None).await, ids[2..]);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn units_that_are_there_again_make_work_only_where_an_order_waits(h: Harness) {
    let sold = h.sold("A", 5, 5).await;
    h.done(sold, &Command::Cancel { reason: None }).await;
    let asked = h.order(sold).await;
    let agreed = h.fact(&asked, &Fact::CancelAgreed).expect("it was asked");
    write(&h, agreed).await;
    h.put("A", 5).await;
    assert_eq!(tasks(&h).await, [""; 0], "nobody waits");

    let (holding, waits) = (waiting(&h, &[("A", 5)]), waiting(&h, &[("A", 2)]));
    let holding = h.created(holding).await;
    h.created(waits).await;
    assert_eq!(tasks(&h).await, [r#"{"task":"source"}"#]);
    let confirmed = h.order(holding).await;
    h.done(holding, &Command::Cancel { reason: None }).await;
    let asked = h.order(confirmed.id).await;
    write(
        &h,
        h.fact(&asked, &Fact::CancelAgreed).expect("it was asked"),
    )
    .await;
    let fill = r#"{"task":"fill","sku":"A","vendor":"local"}"#;
    assert_eq!(tasks(&h).await, [fill], "its units are there again");
    h.put("A", 7).await;
    assert_eq!(tasks(&h).await, [fill], "more were counted");
    h.put("A", 6).await;
    assert_eq!(tasks(&h).await, [""; 0], "fewer were counted");
}

pub(super) async fn a_failed_order_that_is_retried_keeps_its_reservations_and_is_sourced_anew(
    h: Harness,
) {
    let id = h.sold("A", 5, 3).await;
    let units = vec![ShipmentLine {
        line: 1,
        quantity: 3,
    }];
    for fact in [
        Fact::ShipmentCreated(units.clone()),
        Fact::ShipmentFailed(units),
    ] {
        let order = h.order(id).await;
        write(&h, h.fact(&order, &fact).expect("it changes something")).await;
    }
    let failed = h.order(id).await;
    assert_eq!(
        (failed.status, failed.lines[0].given_up),
        (OrderStatus::Failed, 3)
    );
    h.done(id, &Command::Retry).await;
    let retried = h.order(id).await;
    let line = &retried.lines[0];
    assert_eq!((line.vendor.as_ref(), line.given_up), (None, 0));
    let states: Vec<_> = line.sources.iter().map(|of| of.reservation.state).collect();
    assert_eq!(states, [ReservationState::Released]);
    assert_eq!(tasks(&h).await, [r#"{"task":"source_anew"}"#]);
    write(&h, sourced(&h, &retried, 5).expect("there is enough")).await;
    let again = h.order(id).await;
    assert_eq!(again.status, OrderStatus::Confirmed);
    let attempts: Vec<_> = again.lines[0].sources.iter().map(|of| of.attempt).collect();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(h.level("A").await.reserved, 3);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn orders_that_are_not_confirmed_are_found_by_our_units_newest_first(h: Harness) {
    h.sold("A", 9, 2).await;
    h.put("B", 0).await;
    let mut ids = vec![];
    for lines in [
        &[("A", 1), ("B", 1)][..],
        &[("A", 2), ("B", 1)],
        &[("A", 5)],
    ] {
        ids.push(h.created(waiting(&h, lines)).await);
    }
    ids.sort();
    let (tenant, sku) = (Tenant::default(), Sku::stored("A"));
    let found = h.store.unconfirmed_orders(&tenant, &sku, 9).await;
    let newest_first: Vec<OrderId> = ids.iter().copied().rev().collect();
    assert_eq!(found.expect("read"), newest_first);
    h.put("A", 4).await;
    let order = h.order(ids[2]).await;
    let back = decided(&h, |context| {
        backorder::take_back(&order, &sku, 99, context)
    });
    write(&h, back.expect("it has some")).await;
    let held = ids[..2].iter().copied().rev().collect::<Vec<_>>();
    let found = h.store.unconfirmed_orders(&tenant, &sku, 9).await;
    assert_eq!(found.expect("read"), held);
    assert_eq!(h.findings().await, [""; 0]);
}

pub(super) async fn a_call_that_is_not_done_is_shown_with_its_tries(h: Harness) {
    vendor(&h, "North", 4).await;
    let id = h.created(h.make.order(&[("A", 3)])).await;
    let order = h.order(id).await;
    let calls = explain::calls(&order);
    assert_eq!(calls.len(), 1);
    let shown = async || {
        let found = h.store.waiting_work(calls.clone()).await.expect("read");
        found
            .into_iter()
            .next()
            .map(|call| (call.id, call.attempts, call.last_error))
    };
    assert_eq!(shown().await, Some((calls[0], 0, None)));
    let target = waybill_domain::vendor_call::target(&Tenant::default(), &Vendor::stored("North"));
    let (now, until) = (h.make.in_ms(0), h.make.in_ms(1_000));
    let leased = h.store.lease_work(&target, now, until, 1).await;
    let work = leased.expect("leased").remove(0);
    let again = WorkOutcome::<OrderEffect>::Again {
        error: "it was away".into(),
        due_at: h.make.in_ms(500),
        unanswered: false,
    };
    h.store.settle_work(&work, again).await.expect("written");
    let tried = Some((calls[0], 1, Some("it was away".to_owned())));
    assert_eq!(shown().await, tried);
    h.clock.advance_ms(600);
    let leased = h
        .store
        .lease_work(&target, h.make.in_ms(0), h.make.in_ms(1_000), 1)
        .await;
    let work = leased.expect("leased").remove(0);
    let done = WorkOutcome::<OrderEffect>::Done(None);
    h.store.settle_work(&work, done).await.expect("done");
    assert_eq!(shown().await, None);
}

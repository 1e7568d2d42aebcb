//! A batch at intake, with random orders and random stock: no unit is reserved twice, a refused order reserves nothing,
//! and an accepted one begins with events that the transition table allows.

mod world;

use proptest::prelude::*;
use proptest::test_runner::Config;
use waybill_domain::event::EventKind;
use waybill_domain::history::OrderHistory;
use waybill_domain::intake::{
    self, AcceptedOrder, Decision, InventoryAnswer, LookedAt, NewOrder, StockView,
};
use waybill_domain::status::OrderStatus;
use waybill_domain::stock::{self, Adjustment, Ledger, StockLevel};
use waybill_domain::text::Sku;
use world::intake::{new_order, stock as stock_of};

const SKUS: [&str; 4] = ["A", "B", "C", "UNTRACKED"];

fn any_lines() -> impl Strategy<Value = Vec<(&'static str, i64)>> {
    prop_oneof![
        8 => prop::collection::vec((prop::sample::select(&SKUS), 1_i64..5), 1..5),
        // More lines than the size at which demand is summed by another algorithm.
        1 => prop::collection::vec((prop::sample::select(&SKUS), 1_i64..5), 15..25),
    ]
}

fn check_accepted(new: &NewOrder, accepted: &AcceptedOrder) {
    let order = &accepted.order;
    assert!(order.is_sound(), "{order:?}");
    assert_eq!((order.status, order.version), (OrderStatus::Confirmed, 2));
    let mut history = OrderHistory::default();
    for event in &accepted.events {
        history.take(event.seq, event.kind, &event.body);
        assert_eq!(event.order_id, Some(new.id));
    }
    assert_eq!(history.faults, Vec::<String>::new());
    assert_eq!(
        (history.version, history.status),
        (2, Some(OrderStatus::Confirmed))
    );
    for (line, asked) in order.lines.iter().zip(&new.lines) {
        assert_eq!(
            (&line.sku, line.quantities.reserved),
            (&asked.sku, asked.quantity)
        );
        let held: i64 = accepted
            .reserved
            .iter()
            .filter(|m| m.units().line == line.id)
            .map(|m| m.effect().reserved)
            .sum();
        let ours = line
            .vendor
            .as_ref()
            .is_some_and(waybill_domain::text::Vendor::is_local);
        assert_eq!(held, if ours { asked.quantity } else { 0 });
    }
}

fn reserved(view: &StockView) -> Vec<i64> {
    SKUS.iter()
        .map(|sku| {
            view.local
                .get(&Sku::stored(sku))
                .map_or(0, |level| level.reserved)
        })
        .collect()
}

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_batch_promises_what_is_there_and_no_more(
        on_hand in prop::collection::vec(0_i64..30, 3),
        orders in prop::collection::vec((any_lines(), prop::option::of(0_i64..6)), 1..12),
    ) {
        let levels: Vec<_> = SKUS.into_iter().zip(on_hand).collect();
        let mut view = stock_of(&levels);
        let mut promised = [0; 4];
        for (n, (lines, inventory)) in (1_u16..).zip(&orders) {
            let mut new = new_order(n.into(), lines, "{}");
            new.inventory = inventory.map(|available| {
                vec![InventoryAnswer { sku: Sku::stored("UNTRACKED"), available }]
            });
            let before = reserved(&view);
            let wanted = SKUS.map(|sku| lines.iter().filter(|(s, _)| *s == sku).map(|(_, q)| q).sum::<i64>());
            match intake::decide(&new, n.into(), 0, &mut view, LookedAt::AllSources) {
                Decision::Accept(accepted) => {
                    check_accepted(&new, &accepted);
                    for index in 0..3 {
                        promised[index] += wanted[index];
                    }
                    prop_assert!(wanted[3] == 0 || inventory.is_some_and(|available| wanted[3] <= available));
                }
                Decision::Short(shortages) => {
                    prop_assert_eq!(before, reserved(&view), "a refused order holds nothing");
                    for short in &shortages {
                        let index = SKUS.iter().position(|sku| *sku == short.sku.as_str());
                        prop_assert_eq!(short.requested, wanted[index.expect("it was ordered")]);
                        prop_assert!(short.available < short.requested);
                    }
                    prop_assert!(!shortages.is_empty());
                }
                Decision::AskInventory(skus) => {
                    prop_assert_eq!(before, reserved(&view));
                    prop_assert_eq!(skus, vec![Sku::stored("UNTRACKED")]);
                    prop_assert!(inventory.is_none());
                }
            }
        }
        prop_assert_eq!(reserved(&view), promised.to_vec());
        prop_assert!(view.local.values().all(|level| (0..=level.on_hand).contains(&level.reserved)));
    }

    #[test]
    fn no_adjustment_makes_a_row_that_must_not_be(
        on_hand in 0_i64..100, reserved in 0_i64..100, safety in 0_i64..10,
        count in any::<bool>(), by in prop_oneof![any::<i64>(), -120_i64..120],
        new_safety in prop::option::of(prop_oneof![any::<i64>(), 0_i64..20]),
    ) {
        let level = StockLevel { on_hand, reserved: reserved.min(on_hand), safety, shortfall: 0, version: 3 };
        let adjustment = if count { Adjustment::Count(by) } else { Adjustment::Delta(by) };
        if let Ok((after, delta)) = stock::adjust(level, adjustment, new_safety, &Ledger::default()) {
            prop_assert!((0..=after.on_hand).contains(&after.reserved));
            prop_assert!((0..=stock::MAX_UNITS).contains(&after.on_hand));
            prop_assert!((0..=stock::MAX_UNITS).contains(&after.safety));
            prop_assert_eq!(after.counted() - level.counted(), delta);
            prop_assert_eq!(after.on_hand, after.counted().max(after.reserved));
            prop_assert_eq!(after.short(), (after.reserved - after.counted()).max(0));
            prop_assert_eq!((after.reserved, after.version), (level.reserved, 4));
        }
    }
}

#[test]
fn the_created_event_says_when_the_order_is_held() {
    let mut new = new_order(1, &[("A", 1)], "{\"currency\":\"EUR\"}");
    new.holds.push(waybill_domain::order::Hold {
        id: waybill_domain::ids::HoldId(uuid::Uuid::from_u128(5)),
        reason: waybill_domain::order::HoldReason::FraudReview,
        placed_at: new.created_at,
        placed_by: "client:test".into(),
        note: Some("call them".into()),
        released_at: None,
    });
    let Decision::Accept(accepted) =
        intake::decide(&new, 1, 0, &mut stock_of(&[("A", 1)]), LookedAt::AllSources)
    else {
        panic!("there was enough")
    };
    let [created, confirmed] = accepted.events.as_slice() else {
        panic!("two events")
    };
    assert_eq!(
        (created.kind, confirmed.kind),
        (EventKind::OrderCreated, EventKind::OrderConfirmed)
    );
    let body: serde_json::Value = serde_json::from_str(&created.body).expect("it is JSON");
    assert_eq!(body["onHold"], true);
    let body: serde_json::Value = serde_json::from_str(&confirmed.body).expect("it is JSON");
    assert_eq!(body["openHolds"].as_array().map(Vec::len), Some(1));
    assert!(
        !confirmed.body.contains("call them"),
        "a note is personal data"
    );
}

//! Every status × every command × every fact, on orders reached by random actions: no step outside the table, no step
//! back, nothing counted twice. The rules are in `world/life.rs`.

mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use waybill_domain::command::Command;
use waybill_domain::event::EventKind;
use waybill_domain::fact::Fact;
use waybill_domain::order::MAX_HOLDS;
use waybill_domain::refusal::Refusal;
use waybill_domain::status::OrderStatus;
use world::life::Life;
use world::{Deed, World, any_birth, any_deed, any_fact, place_hold, units};

fn lived(birth: waybill_domain::order::Order, deeds: &[Deed], world: &mut World) -> Life {
    let mut life = Life::new(birth);
    for deed in deeds {
        life.meet(deed, world);
    }
    life
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_rule_holds_after_any_sequence_of_actions(
        birth in any_birth(),
        deeds in prop::collection::vec(any_deed(), 0..40),
    ) {
        lived(birth, &deeds, &mut World::default());
    }

    #[test]
    fn a_fact_that_says_nothing_new_changes_nothing(
        birth in any_birth(),
        deeds in prop::collection::vec(any_deed(), 0..25),
        fact in any_fact(),
    ) {
        let mut world = World::default();
        let mut life = lived(birth, &deeds, &mut world);
        // Facts about units name all of them, because a repeated fact about some units could also be a second, equal
        // parcel.
        let everything = units(&life.order.lines.iter().map(|l| (l.id, i64::MAX / 4)).collect::<Vec<_>>());
        let fact = match fact {
            Fact::UnitsReserved(_) => Fact::UnitsReserved(everything),
            Fact::ShipmentCreated(_) => Fact::ShipmentCreated(everything),
            Fact::ShipmentShipped(_) => Fact::ShipmentShipped(everything),
            Fact::ShipmentDelivered(_) => Fact::ShipmentDelivered(everything),
            Fact::ShipmentReturned(_) => Fact::ShipmentReturned(everything),
            Fact::ShipmentLost(_) => Fact::ShipmentLost(everything),
            Fact::ShipmentCancelled(_) => Fact::ShipmentCancelled(everything),
            Fact::ShipmentFailed(_) => Fact::ShipmentFailed(everything),
            Fact::Backordered
            | Fact::SourcesExhausted
            | Fact::DeadlinePassed
            | Fact::PromisePassed
            | Fact::CancelAgreed
            | Fact::CancelRefused => fact,
        };
        life.apply(&fact, &mut world);
        prop_assert!(!life.apply(&fact, &mut world), "{fact:?} twice");
    }

    #[test]
    fn a_fact_that_overtakes_all_others_passes_every_step(
        birth in any_birth(),
        arrival in 0..3,
        answered in any::<bool>(),
    ) {
        let mut world = World::default();
        let mut life = Life::new(birth);
        let everything = units(&life.order.lines.iter().map(|l| (l.id, 1_000)).collect::<Vec<_>>());
        life.apply(&Fact::UnitsReserved(everything.clone()), &mut world);
        if answered {
            life.ask(&Command::Cancel { reason: None }, &mut world).expect("a confirmed order may be cancelled");
        }
        let (arrived, end) = match arrival {
            0 => (Fact::ShipmentDelivered(everything), EventKind::OrderDelivered),
            1 => (Fact::ShipmentReturned(everything), EventKind::OrderFailed),
            _ => (Fact::ShipmentLost(everything), EventKind::OrderFailed),
        };
        prop_assert!(life.apply(&arrived, &mut world));
        if answered {
            prop_assert!(life.apply(&Fact::CancelRefused, &mut world));
        }
        let way = [EventKind::OrderProcessing, EventKind::OrderShipped, end];
        prop_assert!(life.kinds.ends_with(&way), "{:?}", life.kinds);
    }

    #[test]
    fn an_order_never_has_more_holds_than_its_limit(holds in 0_usize..40) {
        let mut world = World::default();
        let mut life = Life::new(world::pending(&[1], waybill_domain::status::AllocationPolicy::Reject, &["local"]));
        let placed = (0..holds).filter(|_| life.ask(&place_hold(), &mut world).is_ok()).count();
        prop_assert_eq!(placed, holds.min(MAX_HOLDS));
        if holds > MAX_HOLDS {
            prop_assert_eq!(life.ask(&place_hold(), &mut world), Err(Refusal::TooManyHolds { limit: MAX_HOLDS }));
        }
    }
}

/// The random orders of the properties above must reach every status; this test checks that they do.
#[test]
fn random_deeds_let_every_status_meet_every_command_and_fact() {
    let mut runner = TestRunner::deterministic();
    let lives = (any_birth(), prop::collection::vec(any_deed(), 0..40));
    let (mut met, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..4_000 {
        let (birth, deeds) = lives
            .new_tree(&mut runner)
            .expect("nothing is filtered")
            .current();
        let (mut life, mut world) = (Life::new(birth), World::default());
        for deed in &deeds {
            met.insert((life.order.status, deed.kind()));
            life.meet(deed, &mut world);
        }
        seen.extend(life.kinds);
    }
    for status in OrderStatus::ALL {
        for kind in Deed::KINDS {
            assert!(
                met.contains(&(*status, kind)),
                "{kind} never met an order that was {status}"
            );
        }
    }
    for kind in EventKind::ALL.iter().filter(|kind| kind.is_order()) {
        assert!(seen.contains(kind), "{kind} never happened");
    }
}

//! An order and its delivery exchange events through one log, which each reads in order and at its own pace, while
//! people cancel, hold and change shipments. In every interleaving the exchange ends, no shipment leaves after the
//! tombstone, every request to cancel gets one answer, and both sides count the same units.

mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use waybill_domain::change::{Change, DeliveryEffect};
use waybill_domain::command::Command;
use waybill_domain::delivery::{self, Carrier, Delivery, DeliveryState, OrderNews, Subject};
use waybill_domain::delivery_news::{self, DeliveryNews};
use waybill_domain::event::{EventKind, NewEvent};
use waybill_domain::fact::Fact;
use waybill_domain::history::ShipmentHistory;
use waybill_domain::ids::ShipmentId;
use waybill_domain::order::Order;
use waybill_domain::shipment::{self, Shipment, ShipmentStatus, Update};
use waybill_domain::status::{AllocationPolicy, OrderStatus};
use waybill_domain::time::Time;
use waybill_domain::timer::{Timer, TimerChange};
use world::life::Life;
use world::{Deed, World, any_birth, place_hold, units};

struct Truck;

impl Carrier for Truck {
    fn ships_at(&mut self, now: Time) -> Time {
        now.plus_ms(5_000)
    }
}

/// Both sides, the log between them, and how far each has read.
struct Stage {
    world: World,
    life: Life,
    delivery: Option<Delivery>,
    shipments: Vec<Shipment>,
    histories: BTreeMap<ShipmentId, ShipmentHistory>,
    timers: Vec<Timer>,
    log: Vec<NewEvent>,
    read_by_delivery: usize,
    read_by_status: usize,
}

impl Stage {
    fn new(life: Life) -> Self {
        Self {
            world: World::default(),
            life,
            delivery: None,
            shipments: vec![],
            histories: BTreeMap::new(),
            timers: vec![],
            log: vec![],
            read_by_delivery: 0,
            read_by_status: 0,
        }
    }

    fn meet(&mut self, deed: &Deed) {
        self.life.meet(deed, &mut self.world);
        self.log.append(&mut self.life.unlogged);
    }

    /// The role `delivery` reads one event; returns whether there was one.
    fn delivery_reads(&mut self) -> bool {
        let Some(event) = self.log.get(self.read_by_delivery).cloned() else {
            return false;
        };
        self.read_by_delivery += 1;
        self.act_on(&event);
        true
    }

    /// A person requests a shipment before delivery has read the order's events: all of them are acted on at once, and
    /// delivery finds that when it reads them.
    fn ship_at_once(&mut self) {
        if !self.shipments.is_empty() {
            return;
        }
        for event in self.log.clone() {
            self.act_on(&event);
        }
    }

    fn act_on(&mut self, event: &NewEvent) {
        let news = delivery::parse(event).expect("our own event");
        if let Some(news) = news {
            self.on_order_news(event.seq, news);
        }
    }

    fn on_order_news(&mut self, seq: i64, news: OrderNews) {
        let subject = Subject {
            order_id: self.life.order.id,
            tenant: self.life.order.tenant.clone(),
            partition: 0,
            seq,
        };
        let change = delivery::on_order_news(
            subject,
            self.delivery.as_ref(),
            &self.shipments,
            news,
            &mut Truck,
            &mut self.world.context(),
        );
        if let Some(change) = change {
            self.write(change);
        }
    }

    /// The role `status` reads one event; returns whether there was one.
    fn status_reads(&mut self) -> bool {
        let Some(event) = self.log.get(self.read_by_status).cloned() else {
            return false;
        };
        self.read_by_status += 1;
        let news = delivery_news::parse(&event).expect("our own event");
        if let Some(fact) = news.fact.clone() {
            let changed = self.life.apply(&fact, &mut self.world);
            assert!(
                changed,
                "{fact:?} was news to an order that is {:?}",
                self.life.order
            );
            self.log.append(&mut self.life.unlogged);
        }
        let state = DeliveryNews { fact: None, ..news };
        let order = &self.life.order;
        let kept = delivery_news::on_delivery_news(order, &state, &mut self.world.context());
        if let Some(written) = kept.map(|change| change.effect.order) {
            self.life.order.shipments = written.after.shipments;
        }
        true
    }

    fn report(&mut self, which: usize, status: ShipmentStatus, by_hand: bool) {
        let Some(shipment) = self.shipments.get(which) else {
            return;
        };
        let update = Update {
            status: Some(status),
            ..Update::default()
        };
        let change = if by_hand {
            shipment::update(shipment, &update, &mut self.world.context()).unwrap_or_default()
        } else {
            shipment::report(shipment, &update, &mut self.world.context())
        };
        if let Some(change) = change {
            self.write(change);
        }
    }

    /// Writes delivery's change, with the same guards as its store.
    fn write(&mut self, change: Change<DeliveryEffect>) {
        if let Some(written) = change.effect.delivery {
            let revision = self.delivery.as_ref().map_or(0, |d| d.revision);
            let version = self.delivery.as_ref().map_or(0, |d| d.version);
            assert_eq!(written.expected_revision, revision);
            assert_eq!(written.after.revision, revision + 1);
            let answers = change
                .events
                .iter()
                .filter(|e| e.kind.as_str().starts_with("delivery."));
            let seqs: Vec<_> = answers.map(|e| e.seq).collect();
            assert_eq!(
                seqs,
                (version + 1..=written.after.version).collect::<Vec<_>>()
            );
            self.delivery = Some(written.after);
        }
        for written in change.effect.shipments {
            let after = written.after;
            match self.shipments.iter_mut().find(|s| s.id == after.id) {
                Some(before) => {
                    assert_eq!(before.version, written.expected_version);
                    *before = after;
                }
                None => self.make(written.expected_version, after),
            }
        }
        for timer in change.effect.timers {
            match timer {
                TimerChange::Set(timer) => self.timers.push(timer),
                TimerChange::Clear(timer) => {
                    let known = self.timers.iter().position(|t| *t == timer);
                    self.timers
                        .swap_remove(known.expect("only a timer that was set is cleared"));
                }
            }
        }
        for event in &change.events {
            if event.kind.as_str().starts_with("shipment.") {
                let id = ShipmentId(event.aggregate.id);
                let history = self.histories.entry(id).or_default();
                history.take(event.seq, event.kind, event.occurred_at, &event.body);
                assert_eq!(history.faults, Vec::<String>::new());
            }
        }
        self.log.extend(change.events);
        self.check_delivery();
    }

    fn make(&mut self, expected_version: i64, made: Shipment) {
        let delivery = self
            .delivery
            .as_ref()
            .expect("written with its first shipment");
        assert_eq!((expected_version, made.version), (0, 1));
        assert!(delivery.open_holds.is_empty(), "made while it was held");
        assert_ne!(
            delivery.state,
            DeliveryState::Cancelled,
            "made after the tombstone"
        );
        let twin = |s: &Shipment| (&s.vendor, s.attempt) == (&made.vendor, made.attempt);
        assert!(
            !self.shipments.iter().any(twin),
            "one shipment per vendor and attempt"
        );
        let mut lines: Vec<_> = made.lines.iter().map(|l| l.line).collect();
        lines.dedup();
        assert_eq!(
            lines.len(),
            made.lines.len(),
            "a line stands in a shipment once"
        );
        self.shipments.push(made);
    }

    fn check_delivery(&self) {
        let tombstone = self
            .delivery
            .as_ref()
            .is_some_and(|d| d.state == DeliveryState::Cancelled);
        for shipment in &self.shipments {
            let set: Vec<_> = self
                .timers
                .iter()
                .filter(|t| t.shipment_id == shipment.id)
                .collect();
            assert_eq!(set, shipment.timer().iter().collect::<Vec<_>>());
            let ended = shipment.status.allowed().is_empty();
            assert!(
                ended || !tombstone,
                "something may leave after the tombstone: {shipment:?}"
            );
            assert!(
                !(tombstone && shipment.status.has_left()),
                "something has left: {shipment:?}"
            );
        }
        for line in &self.life.order.lines {
            let planned =
                self.units_of(line.id, |s| s.has_left() || s == ShipmentStatus::Processing);
            assert!(
                planned <= line.quantities.ordered,
                "{planned} units of line {}",
                line.id
            );
        }
    }

    fn units_of(&self, line: u16, which: impl Fn(ShipmentStatus) -> bool) -> i64 {
        let shipments = self.shipments.iter().filter(|s| which(s.status));
        let lines = shipments.flat_map(|s| &s.lines).filter(|l| l.line == line);
        lines.map(|l| l.quantity).sum()
    }

    /// Both roles read to the end, missing units are reserved, holds are released, and the carrier takes all steps.
    fn play_to_the_end(&mut self) {
        for hold in 0..self.life.order.holds.len() {
            self.meet(&Deed::ReleaseHold(hold));
        }
        let all: Vec<_> = self
            .life
            .order
            .lines
            .iter()
            .map(|l| (l.id, 1_000))
            .collect();
        self.meet(&Deed::Fact(Fact::UnitsReserved(units(&all))));
        // Each round reads an event or moves a shipment, and both are bounded; the limit only ends a test that hangs.
        for _ in 0..10_000 {
            if self.delivery_reads() | self.status_reads() {
                continue;
            }
            let waits = |s: &Shipment| !s.status.allowed().is_empty();
            let Some(which) = self.shipments.iter().position(waits) else {
                return;
            };
            self.report(which, ShipmentStatus::Delivered, false);
        }
        panic!("it does not end: {:?}", self.life.order);
    }

    fn check_end(&self) {
        let order = &self.life.order;
        let kept = order.shipments.iter().map(|s| (s.id, s.version, s.status));
        let mut rows: Vec<_> = self.shipments.iter().collect();
        rows.sort_by_key(|s| (s.created_at, s.id));
        let rows = rows.iter().map(|s| (s.id, s.version, s.status));
        assert_eq!(kept.collect::<Vec<_>>(), rows.collect::<Vec<_>>());
        assert!(
            order.status.is_terminal(),
            "{order:?}\n{:?}\n{:?}",
            self.delivery,
            self.shipments
        );
        assert!(self.timers.is_empty());
        for line in &order.lines {
            let q = &line.quantities;
            let of = |status| self.units_of(line.id, |s| s == status);
            assert_eq!(
                q.shipped,
                self.units_of(line.id, ShipmentStatus::has_left),
                "{q:?}"
            );
            assert_eq!(q.delivered, of(ShipmentStatus::Delivered), "{q:?}");
            assert_eq!(q.returned, of(ShipmentStatus::Returned), "{q:?}");
            assert_eq!(q.lost, of(ShipmentStatus::Lost), "{q:?}");
            assert_eq!(q.waiting(), 0, "{q:?}");
        }
        let count = |kind| self.log.iter().filter(|e| e.kind == kind).count();
        let agreed = count(EventKind::DeliveryCancelAgreed);
        let refused = count(EventKind::DeliveryCancelRefused);
        assert_eq!(
            count(EventKind::OrderCancelRequested),
            agreed + refused,
            "one answer each"
        );
        assert_eq!(count(EventKind::OrderCancelRejected), refused);
        let tombstone = self
            .delivery
            .as_ref()
            .is_some_and(|d| d.state == DeliveryState::Cancelled);
        assert_eq!(agreed, usize::from(tombstone));
        assert!(!tombstone || order.status == OrderStatus::Cancelled);
    }
}

#[derive(Clone, Debug)]
enum Act {
    DeliveryReads(usize),
    StatusReads(usize),
    Order(Deed),
    Report(usize, ShipmentStatus, bool),
    ShipAtOnce,
}

/// Actions from outside of the two sides: people, the warehouse, the deadline.
fn any_order_deed() -> impl Strategy<Value = Deed> {
    let found = prop::collection::vec((1_u16..5, 1_i64..6), 1..4);
    prop_oneof![
        3 => Just(Deed::Command(Command::Cancel { reason: None })),
        2 => Just(Deed::Command(place_hold())),
        3 => (0_usize..3).prop_map(Deed::ReleaseHold),
        1 => Just(Deed::Command(Command::AddNote)),
        1 => Just(Deed::Command(Command::Retry)),
        6 => found.prop_map(|found| Deed::Fact(Fact::UnitsReserved(units(&found)))),
        2 => Just(Deed::Fact(Fact::Backordered)),
        1 => Just(Deed::Fact(Fact::SourcesExhausted)),
        1 => Just(Deed::Fact(Fact::DeadlinePassed)),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    let status = || prop::sample::select(ShipmentStatus::ALL);
    prop_oneof![
        4 => (1_usize..5).prop_map(Act::DeliveryReads),
        4 => (1_usize..5).prop_map(Act::StatusReads),
        4 => any_order_deed().prop_map(Act::Order),
        1 => Just(Act::ShipAtOnce),
        4 => (0_usize..4, status(), any::<bool>()).prop_map(|(n, status, by_hand)| Act::Report(n, status, by_hand)),
    ]
}

type Play = (Order, bool, Vec<Act>);

fn any_play() -> impl Strategy<Value = Play> {
    let acts = prop::collection::vec(any_act(), 0..50);
    (any_birth(), any::<bool>(), acts)
}

/// Runs the actions to the end and checks the final state.
fn played((birth, confirmed, acts): Play) -> Stage {
    let mut stage = Stage::new(Life::new(birth));
    if confirmed {
        let lines = stage.life.order.lines.iter();
        let all: Vec<_> = lines.map(|l| (l.id, 1_000)).collect();
        stage.meet(&Deed::Fact(Fact::UnitsReserved(units(&all))));
    }
    for act in acts {
        match act {
            Act::DeliveryReads(n) => (0..n).for_each(|_| {
                stage.delivery_reads();
            }),
            Act::StatusReads(n) => (0..n).for_each(|_| {
                stage.status_reads();
            }),
            Act::Order(deed) => stage.meet(&deed),
            Act::Report(which, status, by_hand) => stage.report(which, status, by_hand),
            Act::ShipAtOnce => stage.ship_at_once(),
        }
    }
    stage.play_to_the_end();
    stage.check_end();
    stage
}

proptest! {
    #![proptest_config(Config { cases: 3_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn an_order_and_its_delivery_agree_in_the_end(play in any_play()) {
        played(play);
    }
}

/// In one log no release follows a cancellation, except a release that was parked and redriven.
#[test]
fn a_release_that_comes_after_the_tombstone_ships_nothing() {
    let mut stage = Stage::new(Life::new(world::pending(
        &[2],
        AllocationPolicy::Reject,
        &["local"],
    )));
    stage.meet(&Deed::Fact(Fact::UnitsReserved(units(&[(1, 2)]))));
    stage.meet(&Deed::Command(Command::Cancel { reason: None }));
    stage.read_by_delivery = 1;
    assert!(stage.delivery_reads(), "the request to cancel");
    stage.read_by_delivery = 0;
    assert!(stage.delivery_reads(), "the confirmation, redriven");
    assert!(stage.delivery_reads(), "the request, twice");
    assert_eq!(stage.shipments, []);
    stage.play_to_the_end();
    assert_eq!(stage.life.order.status, OrderStatus::Cancelled);
}

/// The random runs of the property above must contain every kind of action; this test checks that they do.
#[test]
fn random_plays_have_every_end_and_every_event() {
    let mut runner = TestRunner::deterministic();
    let (mut ends, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let (mut again, mut split) = (false, false);
    for _ in 0..2_000 {
        let play = any_play().new_tree(&mut runner);
        let stage = played(play.expect("nothing is filtered").current());
        ends.insert(stage.life.order.status);
        seen.extend(stage.log.iter().map(|event| event.kind));
        again |= stage.shipments.iter().any(|s| s.attempt > 1);
        split |= stage
            .shipments
            .iter()
            .any(|s| s.vendor != stage.shipments[0].vendor);
    }
    let expected = [
        OrderStatus::Delivered,
        OrderStatus::Cancelled,
        OrderStatus::Failed,
    ];
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), expected);
    let elsewhere = [
        EventKind::OrderCreated,
        EventKind::StockAdjusted,
        EventKind::StockShortage,
    ];
    for kind in EventKind::ALL
        .iter()
        .filter(|kind| !elsewhere.contains(kind))
    {
        assert!(seen.contains(kind), "{kind} never happened");
    }
    assert!(again && split, "second attempts and several vendors");
}
